"""Random damage, by the ten thousand: `python -m tests.faults.fuzz --mutations 10000 --seed 2022`.

Each mutation goes through the worker's own handler, with the starter model, in a child process that may crash, hang or
grow; the parent notices, says which mutation it was, and goes on behind it. The report is a Markdown file.
"""

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cargostream.images import MemoryStore
from cargostream.served import ServedModel, open_model
from cargostream.settings import CLONE
from stream_worker.handler import handle
from stream_worker.outcomes import Coordinates, NotYet, Predicted, Rejected, to_record
from tests.faults.mutations import KINDS, mutated_image, mutated_record
from tests.faults.results import commit
from tests.support.records import record
from tests.support.workers import picture

REPORT = Path(__file__).with_name("reports") / "fuzz.md"
HANG_S = 20.0
"""As long as an image may take: see the setting `image_timeout_s`."""

FLAT_MB = 10.0
_NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class Seen:
    """What became of the mutations of one kind. `rss_mb` is the process's memory in the course of them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    hangs: list[int] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def quarters_mb(self) -> list[float]:
        """The mean memory in each quarter of the mutations."""
        size = max(1, len(self.rss_mb) // 4)
        return [sum(part) / len(part) for n in range(4) if (part := self.rss_mb[n * size:(n + 1) * size])]

    @property
    def grown_mb(self) -> float:
        """How much more memory the last quarter took than the one before: at first a process only finds its size."""
        return self.quarters_mb[-1] - self.quarters_mb[-2] if len(self.quarters_mb) > 1 else 0.0

    @property
    def faults(self) -> list[str]:
        found = [f"crash: {crash}" for crash in self.crashes] + [f"hang: mutation {number}" for number in self.hangs]
        found += [f"{name}: {count}" for name, count in self.outcomes.items() if name.startswith("fault")]
        return found + ([f"memory: + {self.grown_mb:.0f} MB"] if self.grown_mb > FLAT_MB else [])


def one(kind: str, seed: int, number: int, model: ServedModel) -> str:
    """What becomes of one mutation: a word for its outcome."""
    if kind == "row":
        (key, value), store = mutated_record(seed, number), MemoryStore({"wood/1.png": picture(4)})
    else:
        (key, value), store = record(), MemoryStore({"wood/1.png": mutated_image(kind, seed, number)})
    outcome = handle(key, value, store, model, max_pixels=50_000_000, patient=False)
    if isinstance(outcome, NotYet):
        return f"fault ({outcome.detail})"
    if isinstance(outcome, Predicted | Rejected):
        assert outcome.row.id == 7 or kind == "row", "the answer is for another row"
    to_record(outcome, Coordinates("fuzz", 1, 0, number), key, value, _NOW, _NOW)
    return outcome.code.value if isinstance(outcome, Rejected) else type(outcome).__name__.lower()


def child(kind: str, seed: int, first: int, end: int) -> None:
    """Say each mutation's number, try it, say what became of it."""
    model = open_model(CLONE / "model_registry" / "starter")
    for number in range(first, end):
        print(number, flush=True)
        outcome = one(kind, seed, number, model)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(json.dumps([outcome, round(pages * 4096 / 1e6, 1)]), flush=True)


def fuzz(kind: str, seed: int, mutations: int) -> Seen:
    """Try all mutations of a kind, in a new process wherever one has ended the last."""
    seen, number = Seen(), 0
    while number < mutations:
        command = [sys.executable, "-m", "tests.faults.fuzz", "--child", kind, "--seed", str(seed),
                   "--first", str(number), "--mutations", str(mutations)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CLONE) as process:
            number = _follow(process, seen, number)
    return seen


def _follow(process: subprocess.Popen[str], seen: Seen, number: int) -> int:
    """Hear a child out; the number of the mutation to go on with."""
    assert process.stdout is not None
    assert process.stderr is not None
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    words: list[str] = []
    threading.Thread(target=_listen, args=(process.stdout, said), daemon=True).start()
    threading.Thread(target=lambda stream: words.append(stream.read()), args=(process.stderr,), daemon=True).start()
    began, patience = time.monotonic(), 120.0  # the first one includes the start
    at_work = False
    while True:
        try:
            line = said.get(timeout=patience)
        except queue.Empty:
            process.kill()
            seen.hangs.append(number)
            return number + 1
        if line is None:
            if process.wait(30) == 0 and not at_work:
                return number
            seen.crashes.append(f"mutation {number}, exit {process.returncode}: {''.join(words)[-300:]}")
            return number + 1
        if line.startswith("["):
            outcome, rss = json.loads(line)
            seen.outcomes[outcome] += 1
            seen.rss_mb.append(rss)
            seen.slowest_s = max(seen.slowest_s, time.monotonic() - began)
            number, at_work = number + 1, False
        else:
            number, at_work, began, patience = int(line), True, time.monotonic(), HANG_S


def _listen(stream: IO[str], said: "queue.SimpleQueue[str | None]") -> None:
    for line in stream:
        said.put(line)
    said.put(None)


def report(found: dict[str, Seen], seed: int, mutations: int, seconds: float) -> str:
    """The Markdown that is kept."""
    lines = [
        "# Random damage", "",
        f"`python -m tests.faults.fuzz --mutations {mutations} --seed {seed}`, {datetime.now(UTC):%Y-%m-%d}, commit "
        f"{commit()}, {seconds:.0f} s. Each mutation goes through the worker's handler and the starter model; it must "
        f"have an outcome, within {HANG_S:.0f} s, and leave no memory behind.", "",
        "| kind | mutations | crashes | hangs | other faults | slowest | memory by quarters (highest) |",
        "|---|---|---|---|---|---|---|"]
    for kind, seen in found.items():
        other = sum(count for name, count in seen.outcomes.items() if name.startswith("fault"))
        lines.append(f"| {kind} | {sum(seen.outcomes.values()) + len(seen.crashes) + len(seen.hangs):,} | "
                     f"{len(seen.crashes)} | {len(seen.hangs)} | {other} | {seen.slowest_s:.2f} s | "
                     f"{' → '.join(f'{mb:.0f}' for mb in seen.quarters_mb)} MB ({max(seen.rss_mb, default=0):.0f}) |")
    lines += ["", "| kind | outcomes |", "|---|---|"]
    for kind, seen in found.items():
        lines.append(f"| {kind} | {', '.join(f'{name} {count:,}' for name, count in seen.outcomes.most_common())} |")
    faults = [f"- {kind}: {fault}" for kind, seen in found.items() for fault in seen.faults]
    return "\n".join([*lines, "", *(faults or ["Nothing crashed, hung or grew."]), ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.seed, given.first, given.mutations)
        return 0
    began, found = time.monotonic(), {}
    for kind in given.kinds:
        found[kind] = fuzz(kind, given.seed, given.mutations)
        print(f"{kind}: {dict(found[kind].outcomes)}", found[kind].faults or "no faults", flush=True)
    given.report.parent.mkdir(exist_ok=True)
    given.report.write_text(report(found, given.seed, given.mutations, time.monotonic() - began))
    print(f"see {given.report}")
    return int(any(seen.faults for seen in found.values()))


if __name__ == "__main__":
    sys.exit(main())
