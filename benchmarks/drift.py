"""Does drift trip when Tuesday begins, and only then? Real images of new seeds, the model that ships, the real tests.

usage: python -m benchmarks.drift [--seeds 5] [--model FOLDER] [--images FOLDER] [--out FOLDER]

For each seed 2,000 of Monday's images and 1,000 of Tuesday's are drawn, with the class mix of the stream, from seeds
that nobody has seen. The model answers them; its answers go, in random order, through the same windows and tests as in
service. Tuesday begins at several places within a window, in front of several parts of its rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from cargostream.cli.output import err
from cargostream.decode import to_array
from cargostream.drift import Known, Table, judge, known, level, table
from cargostream.likeness import looks_like, signatures
from cargostream.reference import STATISTICS, Reference
from cargostream.served import ServedModel, open_model
from cargostream.settings import CLONE, Settings, load_settings

MONDAY, TUESDAY = "stream", "stream-tuesday"
PHASES = range(0, 50, 5)
"""Rows of Monday in the window in which Tuesday begins, of 50."""

SLICE = 150
"""Rows of Tuesday that follow; slices do not overlap."""


def answers(model: ServedModel, store: Path, name: str, seed: int, settings: Settings) -> Table:
    """What the model says of a set's images, drawn with this seed, in random order."""
    subprocess.run([sys.executable, "-m", "cargostream", "data", "synthesize", name, "--store", str(store),
                    "--seed", str(seed)], check=True, capture_output=True)
    lines = (store / f"{name}.jsonl").read_text("utf-8").splitlines()
    order = np.random.default_rng(seed).permutation(len(lines))
    probabilities, statistics, distances = [], [], []
    for number in order:
        data = (store / json.loads(lines[number])["image_path"]).read_bytes()
        array, about = to_array(data, model.input_size, settings.image_max_pixels)
        answer = model.predict(array)
        probabilities.append(answer.probabilities)
        statistics.append([getattr(about, statistic) for statistic in STATISTICS])
        distances.append(np.nan if answer.embedding_distance is None else answer.embedding_distance)
    return table(np.array(probabilities), np.array(statistics, np.float32), np.array(distances, np.float32))


def windows(rows: Table, size: int) -> list[Table]:
    """Whole windows, one after the other."""
    return [rows[start:start + size] for start in range(0, len(rows) - size + 1, size)]


def rows_to_detection(monday: Table, tuesday: Table, reference: Known, threshold: float, size: int) -> int | None:
    """Rows of Tuesday up to the end of the window that trips; Monday's rows stand before them in the first window."""
    stream = np.concatenate([monday, tuesday])
    for number, window in enumerate(windows(stream, size)):
        if judge(window, reference, threshold).drift:
            return (number + 1) * size - len(monday)
    return None


def measure(model: ServedModel, days: Reference, folder: Path, seed: int, settings: Settings) -> dict[str, Any]:
    """One seed's figures, against the days that the model knows."""
    size = settings.drift_window
    threshold = level(size, settings.drift_false_alarm_rows)
    reference, kinds = known(days, model.labels), signatures(days, size)
    # Two draws of the stream's images make 2,000 rows.
    monday = np.concatenate([answers(model, folder / f"{seed}-{half}", MONDAY, 2 * seed + half, settings)
                             for half in (0, 1)])
    tuesday = answers(model, folder / f"{seed}-0", TUESDAY, 2 * seed, settings)
    quiet = [judge(window, reference, threshold) for window in windows(monday, size)]
    spoiled = windows(tuesday, size)
    tripped = [judge(window, reference, threshold) for window in spoiled]
    found = [rows_to_detection(monday[size * number:size * number + phase * size // 50], tuesday[start:start + SLICE],
                               reference, threshold, size)
             for phase in PHASES for number, start in enumerate(range(0, len(tuesday) - SLICE + 1, SLICE))]
    columns = slice(len(model.labels) + 1, len(model.labels) + 1 + len(STATISTICS))
    named = [looks_like(window[:, columns], kinds).kind for window in spoiled] if kinds else []
    return {
        "seed": seed, "monday_rows": len(monday), "monday_windows": len(quiet),
        "false_alarms": sum(verdict.drift for verdict in quiet),
        "monday_smallest_p": min(verdict.p_value for verdict in quiet),
        "tuesday_windows": len(tripped), "tuesday_windows_that_trip": sum(verdict.drift for verdict in tripped),
        "starts": len(found), "starts_missed": sum(rows is None for rows in found),
        "starts_within_100_rows": sum(rows is not None and rows <= 100 for rows in found),
        "median_rows": float(np.median([rows for rows in found if rows is not None])),
        "most_rows": max(rows for rows in found if rows is not None),
        "named_mixed": sum(kind == "mixed" for kind in named)}


def markdown(figures: dict[str, Any]) -> str:
    """The figures as a page for people."""
    header = ("seed", "Monday's windows", "false alarms", "smallest p", "Tuesday's windows", "of these trip",
              "called mixed", "begins of Tuesday", "told within 100 rows", "median rows", "most rows")
    keys = ("seed", "monday_windows", "false_alarms", "monday_smallest_p", "tuesday_windows",
            "tuesday_windows_that_trip", "named_mixed", "starts", "starts_within_100_rows", "median_rows", "most_rows")
    lines = [header, ("---",) * len(header), *(
        [f"{one[key]:.2g}" if key == "monday_smallest_p" else f"{one[key]:g}" for key in keys]
        for one in figures["seeds"])]
    return "\n".join([
        "# Drift", "",
        f"{figures['at']}, model {figures['model'][:12]}, windows of {figures['window']} rows, alarm below p = "
        f"{figures['threshold']:g}: one false alarm in {figures['false_alarm_rows']:,} rows at most. Made by "
        "`python -m benchmarks.drift`.", "", *("| " + " | ".join(line) + " |" for line in lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description="Measure the test for drift.")
    parser.add_argument("--seeds", type=int, default=5, help="seeds to draw images with")
    parser.add_argument("--model", type=Path, default=CLONE / "model_registry" / "starter", help="artifact to test")
    parser.add_argument("--images", type=Path, help="folder in which the images are kept; default: they are not")
    parser.add_argument("--out", type=Path, default=CLONE / "benchmarks", help="folder of drift.json and drift.md")
    options = parser.parse_args()
    settings = load_settings()
    model = open_model(options.model)
    if model.reference is None:
        parser.error(f"the model in {options.model} brings no reference")
    with tempfile.TemporaryDirectory() as scratch:
        runs = []
        for seed in range(1, options.seeds + 1):
            runs.append(measure(model, model.reference, options.images or Path(scratch), seed, settings))
            err.print(f"seed {seed} of {options.seeds}: {runs[-1]['false_alarms']} false alarms, at most "
                      f"{runs[-1]['most_rows']} rows to the alarm")
    figures = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(),
               "model": model.digest, "window": settings.drift_window,
               "threshold": level(settings.drift_window, settings.drift_false_alarm_rows),
               "false_alarm_rows": settings.drift_false_alarm_rows, "seeds": runs}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "drift.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (options.out / "drift.md").write_text(markdown(figures), encoding="utf-8")
    print(markdown(figures))


if __name__ == "__main__":
    main()
