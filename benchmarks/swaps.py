"""What a swap costs: the alias champion moves again and again while rows stream.

usage: python -m benchmarks.swaps [--swaps 20] [--rate 50] [--pause 3] [--other FOLDER] [--challenger] [--out FOLDER]
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from sqlalchemy import Engine, Row

from benchmarks import machine
from benchmarks.__main__ import STARTER
from benchmarks.bulk import wait_for
from benchmarks.mistaken import write_mistaken
from benchmarks.stack import Stack, fresh_stack
from cargostream.database import engine
from cargostream.decode import to_array
from cargostream.records import CHALLENGER
from cargostream.served import MANIFEST, open_model
from cargostream.settings import CLONE, load_settings
from cargostream.sql import load_sql

SETTLED_S = 0.5
"""Rows up to so long after the first of a new version count as rows of the swap."""

SWAP_S, DELAY_MS = 5, 200
"""What a swap may take until the first row by the new version, and add to a row beside it."""


def copy_of(artifact: Path, folder: Path, name: str) -> Path:
    """The same model as another artifact: its digest differs, its answers do not."""
    shutil.copytree(artifact, folder / name)
    manifest = json.loads((artifact / MANIFEST).read_text("utf-8"))
    (folder / name / MANIFEST).write_text(json.dumps(manifest | {"training": {"copy": name}}), encoding="utf-8")
    return folder / name


def measure(stack: Stack, artifacts: dict[int, Path], swaps: int, rate: float, pause_s: float) -> dict[str, Any]:
    """Swap between two registered versions, of which the second serves, while rows stream."""
    settings, versions = stack.settings, list(artifacts)
    source, target = engine(settings, "source", "writer"), engine(settings, "target", "dashboard")
    before, rows = _last_id(source), int(rate * pause_s * (swaps + 2))
    streaming = Thread(target=stack.run, args=("produce", "--rows", str(rows), "--rate", str(rate), "--json"))
    streaming.start()
    moves: list[tuple[float, int]] = []
    time.sleep(pause_s)
    for turn in range(swaps):
        moves.append((time.time(), versions[turn % 2]))
        stack.name(versions[turn % 2])
        time.sleep(pause_s)
    streaming.join()
    ids = {"first_id": before + 1, "last_id": _last_id(source)}
    wait_for(target, ids, rows, deadline_s=60)
    with target.connect() as connection:
        found = connection.execute(load_sql("benchmarks.sql", "swaps"), ids).all()
    return figures(found, moves) | {"written": rows, "wrong": wrong(found, settings.image_store, artifacts)}


def figures(rows: Sequence[Row[Any]], moves: list[tuple[float, int]]) -> dict[str, Any]:
    """How long each swap took, and what rows took around the swaps and between them (ms): `latency` from commit to
    stored prediction, `worker` from receipt to prediction."""
    firsts = [min(row.predicted for row in rows if row.model_version == version and row.predicted > moved)
              for moved, version in moves]
    times = np.array([row.predicted for row in rows])
    around = np.any([(times >= moved) & (times <= first + SETTLED_S)
                     for (moved, _), first in zip(moves, firsts, strict=True)], axis=0)
    found: dict[str, Any] = {"swaps": len(moves), "rows": len(rows), "rows_around": int(around.sum()),
                             "alias_to_first_row_s": _spread([first - moved for (moved, _), first in
                                                              zip(moves, firsts, strict=True)], 2)}
    for name in ("worker", "latency"):
        taken = np.array([getattr(row, f"{name}_ms") for row in rows])
        found[f"{name}_around_ms"] = _spread(taken[around], 1)
        found[f"{name}_between_ms"] = _spread(taken[~around], 1)
        found[f"{name}_extra_ms"] = round(float(taken[around].max() - np.median(taken[~around])), 1)
    slowest = max(rows, key=lambda row: row.latency_ms)
    ago = [slowest.predicted - moved for moved, _ in moves if moved <= slowest.predicted]
    found["slowest_after_swap_s"] = round(min(ago), 1) if ago else None
    return found


def missed(report: Mapping[str, Any]) -> list[str]:
    """What does not hold of what has to."""
    rows, written = report["rows"], report["written"]
    held = {
        f"every row is predicted, and {rows} of {written} were": rows == written,
        f"no row is wrong by its version, and {report['wrong']} were": report["wrong"] == 0,
        f"the new version answers within {SWAP_S} s": report["alias_to_first_row_s"]["max"] <= SWAP_S,
        f"a swap delays no row by more than {DELAY_MS} ms": report["latency_extra_ms"] <= DELAY_MS}
    return [words for words, holds in held.items() if not holds]


def wrong(rows: Sequence[Row[Any]], store: Path, artifacts: dict[int, Path]) -> int:
    """Rows whose answer is not what the version that they name says offline."""
    models = {version: open_model(folder) for version, folder in artifacts.items()}
    said = {}
    for path, version in {(row.image_path, row.model_version) for row in rows}:
        image, _ = to_array((store / path).read_bytes(), models[version].input_size, 10**8)
        said[path, version] = int(models[version].predict(image).probabilities.argmax())
    return sum(said[row.image_path, row.model_version] != row.target for row in rows)


def _spread(values: Any, digits: int) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), digits), "p99": round(float(p99), digits),
            "max": round(float(np.max(values)), digits)}


def _last_id(source: Engine) -> int:
    with source.connect() as connection:
        return int(connection.execute(load_sql("benchmarks.sql", "last_id")).one().id)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a page for people."""
    around, between = f"within {SETTLED_S} s of a swap", "between swaps"
    lines: list[tuple[str, ...]] = [("", "p50", "p99", "max"), ("---",) * 4]
    for words, name in (("alias moved to first row by the new version, s", "alias_to_first_row_s"),
                        (f"receipt to prediction, {around}, ms", "worker_around_ms"),
                        (f"receipt to prediction, {between}, ms", "worker_between_ms"),
                        (f"row to stored prediction, {around}, ms", "latency_around_ms"),
                        (f"row to stored prediction, {between}, ms", "latency_between_ms")):
        lines.append((words, *(f"{report[name][which]:g}" for which in ("p50", "p99", "max"))))
    ago = report["slowest_after_swap_s"]
    when = "before the first swap" if ago is None else f"{ago:g} s after a swap"
    return "\n".join([
        "# Swaps", "",
        f"{report['at']}, {report['machine']['cores']} cores: {report['swaps']} swaps between two models whose answers "
        f"differ, {report['rows']:,} rows at {report['rate']:g} a second"
        f"{', a challenger at work' if report['challenger'] else ''}; {report['rows_around']:,} of the rows were "
        f"around a swap. Wrong by what their recorded version says offline: {report['wrong']}. The worst row around a "
        f"swap took {report['latency_extra_ms']:g} ms more than the median between swaps ({report['worker_extra_ms']:g}"
        f" ms in the worker). The slowest of all rows came {when}. Made by `python -m benchmarks.swaps`.", "",
        *("| " + " | ".join(line) + " |" for line in lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swaps", description="Measure what a swap costs.")
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50, help="rows per second")
    parser.add_argument("--pause", type=float, default=3, help="seconds between two swaps")
    parser.add_argument("--other", type=Path, help="artifact to swap with the starter; default: one that answers "
                        "every image with another class")
    parser.add_argument("--challenger", action="store_true", help="have a challenger at work, too")
    parser.add_argument("--out", type=Path, default=CLONE / "benchmarks", help="folder of swaps.json and swaps.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, fresh_stack(load_settings().download_cache) as stack:
        stack.run("up")
        stack.run("data", "synthesize", "stream")
        other = options.other or write_mistaken(Path(scratch, "mistaken"))
        artifacts = {stack.serve(folder): folder for folder in (copy_of(STARTER, Path(scratch), "first"), other)}
        if options.challenger:
            stack.name(stack.register(copy_of(STARTER, Path(scratch), "challenger")), CHALLENGER)
        found = measure(stack, artifacts, options.swaps, options.rate, options.pause)
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(),
              "rate": options.rate, "challenger": options.challenger, **found}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "swaps.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (options.out / "swaps.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))
    if short := missed(report):
        sys.exit("Does not hold: " + "; ".join(short) + ".")


if __name__ == "__main__":
    main()
