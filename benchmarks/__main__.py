"""`make bench`: measures the README's figures in one run and writes benchmarks/report.json and report.md.

usage: python -m benchmarks [--only bulk,latency,start,idle] [--rows 5000] [--repeats 3] [--out benchmarks]
"""

import argparse
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import bulk, footprint, latency, machine
from benchmarks.report import markdown
from benchmarks.stack import fresh_stack
from cargostream.settings import CLONE, load_settings

STARTER = CLONE / "model_registry" / "starter"


def reference_model(folder: Path) -> Path:
    """The artifact of the reference model, exported once (needs the extra `train`)."""
    if not (folder / "manifest.json").exists():
        subprocess.run([sys.executable, "-m", "model_registry.reference", str(folder)], check=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the README's figures.")
    parser.add_argument("--only", default="start,latency,bulk,idle", help="parts to run")
    parser.add_argument("--rows", type=int, default=5000, help="rows of a bulk run")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of starts and bulk runs")
    parser.add_argument("--seconds", type=float, default=60, help="length of a latency run and of the idle one")
    parser.add_argument("--out", type=Path, default=CLONE / "benchmarks", help="folder of the report")
    options = parser.parse_args()
    parts = options.only.split(",")
    cache = load_settings().download_cache
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    with fresh_stack(cache) as stack:
        stack.run("up")
        stack.run("data", "synthesize", "stream")
        if "start" in parts:
            runs = [footprint.warm_start(stack) for _ in range(options.repeats)]
            figures["warm_start"] = {name: {"runs": [run[name] for run in runs],
                                            "median": statistics.median(run[name] for run in runs)} for run in runs
                                     for name in run}
        if "idle" in parts:
            figures["idle"] = footprint.idle(stack, seconds=options.seconds)
        models = {"starter": STARTER, "reference": reference_model(cache / "reference-model")}
        for name, folder in models.items():
            if "latency" in parts or "bulk" in parts:
                stack.serve(folder)
            if "latency" in parts:
                figures.setdefault("latency", {})[name] = latency.measure(stack, rate=20, seconds=options.seconds)
            if "bulk" in parts:
                figures.setdefault("bulk", {})[name] = bulk.measure(stack, folder, options.rows, options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "report.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (options.out / "report.md").write_text(markdown(figures), encoding="utf-8")
    print(markdown(figures))


if __name__ == "__main__":
    main()
