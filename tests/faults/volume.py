"""`python -m tests.faults.volume`: 100,000 rows, and each part killed three times while they are on their way.

usage: python -m tests.faults.volume [--rows 100000] [--kills 3] [--seed 1] [--out docs/volume.json]

The kills are spread over the work: the first when a fifth of the rows is answered, the last before four fifths are.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.stack import fresh_stack
from cargostream.settings import CLONE, load_settings
from tests.faults import results
from tests.faults.bench import Bench, now
from tests.faults.services import EVERYTHING


def run(bench: Bench, rows: int, kills: int) -> str:
    """Write the rows, kill, and judge; what was seen."""
    parts = [part for part in EVERYTHING for _ in range(kills)]
    bench.rng.shuffle(parts)
    bench.planned = len(parts)
    bench.load(rows, burst=0.9)
    for number, part in enumerate(parts):
        due = rows * (0.2 + 0.55 * number / len(parts))
        bench.until(f"{due:.0f} rows answered", lambda due=due: bench.progress()[1] >= due, 1800)  # type: ignore[misc]
        bench.inject(f"kill -9 {part}", lambda part=part: bench.services.kill(part))  # type: ignore[misc]
        print(f"{part} killed, {bench.faults[-1].in_flight:,} rows in flight", flush=True)
        bench.until("whole again", lambda: not bench.missing(), 120)
        print(f"  whole again after {time.monotonic() - bench.hurt_at:.1f} s", flush=True)
        bench.figures.setdefault("ready_s", []).append(round(time.monotonic() - bench.hurt_at, 1))
    bench.settle(3600)
    return bench.verdict()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.volume")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3, help="of each part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=CLONE / "docs" / "volume.json")
    options = parser.parse_args()
    cache = load_settings().download_cache
    for name in [name for name in os.environ if name.startswith(("CARGOSTREAM_", "MLFLOW_"))]:
        del os.environ[name]
    began, seen, passed = time.monotonic(), "", False
    with fresh_stack(cache) as stack:
        stack.run("up")
        bench = Bench(stack, options.seed)
        try:
            with bench.opened():
                seen = run(bench, options.rows, options.kills)
            passed = True
        except Exception as error:  # whatever it is, it goes into the report
            seen = f"FAILED: {error}"
    report = {"at": now(), "commit": results.commit(), "machine": describe(), "rows": options.rows,
              "kills": options.kills, "seed": options.seed, "passed": passed, "seen": seen,
              "seconds": round(time.monotonic() - began), "figures": bench.figures,
              "faults": [{"name": one.name, "in_flight": one.in_flight, "share": round(one.share, 2)}
                         for one in bench.faults]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(seen)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
