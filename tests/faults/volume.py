"""`python -m tests.faults.volume`: 100,000 rows, and each part killed three times while they are on their way.

usage: python -m tests.faults.volume [--rows 100000] [--kills 3] [--seed 1]

The kills are spread over the work: the first when a fifth of the rows is answered, the last before four fifths are. The
report is tests/faults/reports/volume.md. Exits with 1 where a row is not right or a part was not whole in time.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

from tests.faults import results
from tests.faults.bench import Bench
from tests.faults.services import EVERYTHING
from tests.faults.stacks import long_run

REPORT = Path(__file__).with_name("reports") / "volume.md"
FIRST, SPREAD = 0.2, 0.55
WHOLE_S = 30.0


def run(bench: Bench, rows: int, kills: int) -> str:
    """Write the rows, kill, and judge; what was seen."""
    names = [f"kill -9 {part}" for part in EVERYTHING for _ in range(kills)]
    bench.rng.shuffle(names)
    bench.planned = len(names)
    bench.load(rows, burst=0.9)
    for number, name in enumerate(names):
        due = rows * (FIRST + SPREAD * number / len(names))
        bench.until(f"{due:.0f} rows answered", lambda due=due: bench.progress()[1] >= due, 1800)  # type: ignore[misc]
        bench.strike(name)
        took = bench.whole(WHOLE_S)
        print(f"{name}: {bench.faults[-1].in_flight:,} rows in flight, whole again after {took:.1f} s", flush=True)
    bench.settle(3600)
    return bench.verdict()


def markdown(bench: Bench, options: argparse.Namespace, about: str, seen: str, seconds: float) -> str:
    """The report, for people."""
    whole = bench.figures.get("whole_s", [])
    lines = [
        f"# {options.rows:,} rows, and {options.kills} kills of each part", "",
        f"`python -m tests.faults.volume --rows {options.rows} --kills {options.kills} --seed {options.seed}`, "
        f"{about}; {seconds / 60:.0f} min.", "", seen + ".", "",
        *([f"Whole again: median {median(whole):.1f} s, longest {max(whole):.1f} s.", ""] if whole else []),
        "| kill | in flight | of all | whole again, s |", "|---|---|---|---|",
        *(f"| {fault.name} | {fault.in_flight:,} | {fault.share:.0%} | {took} |"
          for fault, took in zip(bench.faults, [*whole, *["-"] * len(bench.faults)], strict=False))]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.volume")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3, help="of each part")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, about, passed = time.monotonic(), results.circumstances(), False
    with long_run(options.seed) as bench:
        try:
            seen = run(bench, options.rows, options.kills)
            passed = True
        except Exception as error:  # whatever it is, it goes into the report
            seen = f"FAILED: {type(error).__name__}: {error}"
    REPORT.write_text(markdown(bench, options, about, seen, time.monotonic() - began), encoding="utf-8")
    print(seen)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
