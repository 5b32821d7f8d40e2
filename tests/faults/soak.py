"""`make soak MINUTES=…`: rows at a steady rate and random faults for as long as told, and what grows meanwhile.

usage: python -m tests.faults.soak [--minutes 60] [--seed 1] [--rate 100]

A fault of `tests.faults.faults.FAULTS` is chosen by chance; the next comes 5 to 20 s after the pipeline is whole again,
in the midst of a burst, so that rows are in flight. Of all rows some get another image and some are deleted. At the end
every row is judged. The report is tests/faults/reports/soak.md, all samples are in .cargostream/faults/soak.json.
Exits with 1 where a row is not right, a part was not whole in time, or something grew.
"""

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.exc import DBAPIError

from tests.faults import results
from tests.faults.bench import Bench
from tests.faults.checker import check, counts
from tests.faults.faults import FAULTS
from tests.faults.growth import grown, markdown
from tests.faults.stacks import long_run

REPORT = Path(__file__).with_name("reports") / "soak.md"

SAMPLE_S = 10.0
BURST = 500
"""Rows at once before each fault, beside the steady ones: about a second's work."""

WHOLE_S, ALL_WHOLE_S, GIVE_UP_S = 30.0, 60.0, 300.0
"""Bounds of a recovery: after a fault of one part, after that of all, and when to end the run."""


class Soak:
    """A run: its bench, what was done and what was measured."""

    def __init__(self, bench: Bench, rate: float) -> None:
        self.bench, self.rate = bench, rate
        self.samples: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.began = time.monotonic()

    def run(self, minutes: float) -> None:
        """Faults until the time is over, on rows that come all the time."""
        bench = self.bench
        steady = bench.load(rows=int((minutes * 60 + 600) * self.rate), rate=self.rate, burst=0)
        try:
            while self.elapsed() < minutes * 60:
                self.rest(float(bench.rng.uniform(5, 20)))
                self.hurt(str(bench.rng.choice(list(FAULTS))))
        finally:
            steady.stop()
        bench.settle(900)

    def late(self) -> list[str]:
        """Recoveries that took longer than they may."""
        return [f"whole only {one['whole_s']:.0f} s after {one['name']} at {one['at_s']:.0f} s" for one in self.faults
                if one["whole_s"] > (ALL_WHOLE_S if "everything" in one["name"] else WHOLE_S)]

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def rest(self, seconds: float) -> None:
        """Let it run, and measure."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.samples or self.elapsed() - self.samples[-1]["at_s"] >= SAMPLE_S:
                self.samples.append(self.sample())
            time.sleep(0.2)

    def hurt(self, name: str) -> None:
        """One fault, and the time until the pipeline is whole again."""
        bench = self.bench
        bench.planned += 1
        bench.load(rows=BURST, burst=1)
        bench.strike(name, high=1.0)  # some of the steady rows are in flight too
        took = bench.whole(GIVE_UP_S)
        self.faults.append({"at_s": round(self.elapsed(), 1), "name": name, "whole_s": round(took, 1),
                            "in_flight": bench.faults[-1].in_flight})
        print(f"{self.elapsed():7.0f} s  {name:<30} {bench.faults[-1].in_flight:5} in flight, "
              f"whole again after {took:.1f} s", flush=True)

    def sample(self) -> dict[str, Any]:
        """Memory in MB (each shared page counted by its share) and descriptors of each part with its children, and MB
        of the log that the slot holds."""
        found: dict[str, Any] = {"at_s": round(self.elapsed(), 1), "parts": {}}
        status = self.bench.stack.status()
        pids = {name: part["pid"] for name, part in status["parts"].items() if part["pid"]}
        for part, pid in (pids | {"supervisor": status["pid"]}).items():
            with suppress(psutil.Error):
                process = psutil.Process(int(pid))
                family = [process] if part == "supervisor" else [process, *process.children(recursive=True)]
                found["parts"][part] = {"mb": round(sum(one.memory_full_info().pss for one in family) / 1e6, 1),
                                        "fds": sum(one.num_fds() for one in family)}
        with suppress(DBAPIError, IndexError):
            found["wal_mb"] = round(self.bench.held_wal()["held_bytes"] / 1e6, 1)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description="Random faults for a long time.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100, help="rows/s")
    options = parser.parse_args()
    about = results.circumstances()
    with long_run(options.seed) as bench:
        soak, violations = Soak(bench, options.rate), list[str]()
        try:
            soak.run(options.minutes)
            history = bench.history(minimum=round(options.minutes * 60 * options.rate * 0.5))
            bench.figures |= counts(history)
            violations = [*map(str, check(history)), *soak.late(), *grown(soak.samples)]
        except Exception as error:  # whatever it is, it goes into the report
            violations = [f"the run ended early: {type(error).__name__}: {error}"]
    report = {"about": about, **vars(options), "violations": violations, "figures": bench.figures,
              "faults": soak.faults, "samples": soak.samples}
    results.root().mkdir(parents=True, exist_ok=True)
    (results.root() / "soak.json").write_text(json.dumps(report) + "\n")
    REPORT.write_text(markdown(report), encoding="utf-8")
    print(f"{len(violations)} violations; {REPORT}", *violations[:20], sep="\n")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
