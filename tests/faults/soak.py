"""`make soak MINUTES=…`: rows at a steady rate and random faults for as long as told, and what grows meanwhile.

usage: python -m tests.faults.soak --minutes 60 [--seed 1] [--rate 100] [--out docs/soak]

A fault is chosen by chance; the next comes 5 to 20 s after the pipeline is whole again. A tenth of the rows get another
image, and some are deleted. Memory and descriptors of each part, the log that the slot holds and the time that each
fault took to heal are sampled into <out>.json. At the end every row is judged, and the slopes are in <out>.md.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy.exc import DBAPIError

from benchmarks.machine import describe
from benchmarks.stack import fresh_stack
from cargostream.errors import CargostreamError
from cargostream.settings import CLONE, load_settings
from tests.faults import results
from tests.faults.bench import Bench, now
from tests.faults.checker import check, counts
from tests.faults.history import Fault
from tests.faults.services import EVERYTHING
from tests.faults.workload import Workload

SAMPLE_S = 10.0
KILLS = {"kill": 0.6, "stop": 0.2, "pause": 0.2}
SLOPES = ("rss_mb", "fds")


class Soak:
    """A run: its bench, what was done and what was measured."""

    def __init__(self, bench: Bench, rate: float) -> None:
        self.bench, self.rate = bench, rate
        self.samples: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.began = time.monotonic()

    def run(self, minutes: float) -> None:
        """Faults until the time is over, each on a load that goes on until the pipeline is whole again."""
        load = self.load(minutes)
        while self.elapsed() < minutes * 60:
            self.rest(float(self.bench.rng.uniform(5, 20)))
            if self.elapsed() >= minutes * 60:
                break
            self.hurt()
            with suppress(DBAPIError):
                load.update(int(self.rate))
                load.delete(max(1, int(self.rate) // 10))
        load.stop()

    def load(self, minutes: float) -> Workload:
        """Rows for the whole time, and for the healing of the last fault."""
        load = self.bench.load(rows=int((minutes * 60 + 60) * self.rate), rate=self.rate, burst=0)
        self.bench.figures["rate"] = self.rate
        return load

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def rest(self, seconds: float) -> None:
        """Let it run, and measure."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.samples or self.elapsed() - self.samples[-1]["at_s"] >= SAMPLE_S:
                self.samples.append(self.sample())
            time.sleep(0.2)

    def hurt(self) -> None:
        """One fault by chance, and the time until the pipeline is whole again."""
        bench, rng = self.bench, self.bench.rng
        part = str(rng.choice([*EVERYTHING, "all"]))
        kind = str(rng.choice(list(KILLS), p=list(KILLS.values()))) if part != "all" else "kill"
        parts = EVERYTHING if part == "all" else (part,)
        seconds = float(rng.uniform(2, 15))

        def pause() -> None:
            bench.services.pause(*parts)
            time.sleep(seconds)
            bench.services.resume()

        actions: dict[str, Callable[[], None]] = {
            "kill": lambda: bench.services.kill(*parts), "pause": pause,
            "stop": lambda: bench.services.kill(*parts, number=signal.SIGTERM if part != "source" else signal.SIGINT)}
        name = {"kill": f"kill -9 {part}", "stop": f"stop {part}", "pause": f"SIGSTOP {part} for {seconds:.0f} s"}[kind]
        rows, answered = bench.progress()
        actions[kind]()
        bench.hurt_at = time.monotonic()
        took = bench.whole(60)
        bench.faults.append(Fault(name, rows - answered, bench.loads[0].total, 0.0, 1.0))
        self.faults.append({"at_s": round(self.elapsed(), 1), "name": name, "in_flight": rows - answered,
                            "whole_s": round(took, 1)})
        print(f"{self.elapsed():7.0f} s  {name:<28} {rows - answered:5} in flight, whole again after {took:.1f} s",
              flush=True)

    def sample(self) -> dict[str, Any]:
        """Memory and descriptors of each part, and the log that the slot holds."""
        found: dict[str, Any] = {"at_s": round(self.elapsed(), 1)}
        for part in (*EVERYTHING, "mlflow", "monitor"):
            with suppress(psutil.Error, AssertionError, KeyError):
                process = self.bench.services.process(part, 1)
                found[part] = {"pid": process.pid, "rss_mb": round(process.memory_info().rss / 1e6, 1),
                               "fds": process.num_fds()}
        supervisor = psutil.Process(int(self.bench.stack.status()["pid"]))
        found["supervisor"] = {"pid": supervisor.pid, "rss_mb": round(supervisor.memory_info().rss / 1e6, 1),
                               "fds": supervisor.num_fds()}
        with suppress(DBAPIError, IndexError):
            found["wal_mb"] = round(self.bench.held_wal()["held_bytes"] / 1e6, 1)
        return found


def slopes(samples: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Growth in an hour of each part's memory (MB) and descriptors, of the processes that lived longest: a part that
    was killed begins anew, and what it grew to before is no growth of the next."""
    found: dict[str, dict[str, float]] = {}
    for part in sorted({name for sample in samples for name in sample} - {"at_s", "wal_mb"}):
        lives: dict[int, list[dict[str, Any]]] = {}
        for sample in samples:
            if part in sample:
                lives.setdefault(sample[part]["pid"], []).append(sample)
        longest = max(lives.values(), key=len)
        warm = longest[len(longest) // 4:]  # what a start allocates is no growth
        if len(warm) > 3:
            hours = np.array([sample["at_s"] for sample in warm]) / 3600
            found[part] = {"minutes": round(float(hours[-1] - hours[0]) * 60, 1)} | {
                f"{what}_per_hour": round(float(np.polyfit(hours, [s[part][what] for s in warm], 1)[0]), 1)
                for what in SLOPES} | {f"{what}_last": warm[-1][part][what] for what in SLOPES}
    return found


def markdown(report: dict[str, Any]) -> str:
    """The report, for people."""
    times = sorted(fault["whole_s"] for fault in report["faults"]) or [0.0]
    n = report["figures"]
    options = " ".join(f"--{name} {report[name]:g}" for name in ("minutes", "seed", "rate"))
    lines = [
        f"# Soak: {report['minutes']:.0f} min, {len(report['faults'])} faults, {n.get('rows', 0):,} rows", "",
        f"`python -m tests.faults.soak {options}`, commit {report['commit']}, {report['at']}, {report['machine']}.", "",
        f"Violations: **{len(report['violations'])}**", *(f"- {each}" for each in report["violations"][:50]), "",
        f"Whole again after a fault: median {times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s. "
        f"Repeats in the topic (harmless): {n.get('repeats', 0):,}.", "",
        "| part | longest life, min | memory, MB | growth, MB/h | descriptors | growth, 1/h |",
        "|---|---|---|---|---|---|"]
    for part, grown in report["slopes"].items():
        lines.append(f"| {part} | {grown['minutes']} | {grown['rss_mb_last']} | {grown['rss_mb_per_hour']} | "
                     f"{grown['fds_last']} | {grown['fds_per_hour']} |")
    wal = [sample["wal_mb"] for sample in report["samples"] if "wal_mb" in sample] or [0.0]
    lines += ["", f"Log held by the slot: at most {max(wal)} MB, {wal[-1]} MB at the end.", "",
              "| at, s | fault | in flight | whole again, s |", "|---|---|---|---|"]
    lines += [f"| {one['at_s']} | {one['name']} | {one['in_flight']} | {one['whole_s']} |" for one in report["faults"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description="Random faults for a long time.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100, help="rows/s")
    parser.add_argument("--out", type=Path, default=CLONE / "docs" / "soak", help="without its ending")
    options = parser.parse_args()
    cache = load_settings().download_cache
    for name in [name for name in os.environ if name.startswith(("CARGOSTREAM_", "MLFLOW_"))]:
        del os.environ[name]
    print(f"seed {options.seed}", flush=True)
    with fresh_stack(cache) as stack:
        stack.run("up")
        bench = Bench(stack, options.seed)
        with bench.opened():
            soak, violations = Soak(bench, options.rate), []
            try:
                soak.run(options.minutes)
                bench.settle(900)
                bench.planned = len(bench.faults)
                history = bench.history(minimum=1)
                bench.figures |= counts(history)
                violations = [str(each) for each in check(history)]
            except (AssertionError, CargostreamError) as error:
                violations = [f"the run ended early: {error}"]
    report = {"at": now(), "commit": results.commit(), "machine": describe(), "minutes": options.minutes,
              "seed": options.seed, "rate": options.rate, "violations": violations, "figures": bench.figures,
              "slopes": slopes(soak.samples), "faults": soak.faults, "samples": soak.samples}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(markdown(report))
    print(markdown(report).split("\n| at, s")[0])
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
