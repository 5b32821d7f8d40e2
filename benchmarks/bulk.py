"""Rows in one transaction, through the whole path, beside the bare loop on the same images."""

import statistics
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from benchmarks.ceiling import bare_loop
from benchmarks.images import BenchImage, make_images
from benchmarks.stack import Stack
from cargostream.database import engine
from cargostream.errors import CargostreamError
from cargostream.served import open_model
from cargostream.sql import load_sql


def insert(source: Engine, images: list[BenchImage], rows: int) -> dict[str, int]:
    """Insert `rows` rows over `images` in turn, in one transaction; their id range."""
    chosen = [images[number % len(images)] for number in range(rows)]
    with source.begin() as connection:
        made = connection.execute(load_sql("benchmarks.sql", "insert_rows"), {
            "paths": [image.path for image in chosen], "digests": [image.sha256 for image in chosen],
            "targets": [image.target for image in chosen]}).one()
    return {"first_id": made.first_id, "last_id": made.last_id}


def wait_for(target: Engine, ids: dict[str, int], rows: int, deadline_s: float) -> float:
    """Wait until every row has its prediction; seconds from the commit to the last one stored.

    Raises:
        CargostreamError: some are missing at the deadline, or were rejected.
    """
    deadline = time.monotonic() + deadline_s
    while True:
        with target.connect() as connection:
            seen = connection.execute(load_sql("benchmarks.sql", "progress"), ids).one()
        if seen.stored == rows:
            if seen.predicted != rows:
                raise CargostreamError(f"{rows - seen.predicted} of {rows} rows of the bulk run were rejected.")
            return float(seen.seconds)
        if time.monotonic() > deadline:
            raise CargostreamError(f"{rows - seen.stored} of {rows} rows had no prediction after {deadline_s:.0f} s.")
        time.sleep(0.1)


def wrong_answers(target: Engine, ids: dict[str, int], labels: dict[str, str]) -> int:
    """Rows whose stored label is not what the bare loop said about the same image."""
    with target.connect() as connection:
        found = connection.execute(load_sql("benchmarks.sql", "answers"), ids).all()
    return sum(row.rows for row in found if labels[row.image_path] != row.label)


def measure(stack: Stack, folder: Path, rows: int, repeats: int) -> dict[str, Any]:
    """Bare loop and pipeline in turn, `repeats` times, with the artifact in `folder` as champion."""
    settings = stack.settings
    stack.serve(folder)
    images = make_images(settings.image_store, "stream", 500)
    model = open_model(folder, threads=1, version=0)
    threads = settings.effective_threads * settings.worker_processes
    source, target = engine(settings, "source", "writer"), engine(settings, "target", "dashboard")
    bare: list[float] = []
    piped: list[float] = []
    wrong = 0
    for _ in range(repeats):
        rate, labels = bare_loop(settings, settings.image_store, model, images * 3, threads)
        bare.append(rate)
        ids = insert(source, images, rows)
        piped.append(rows / wait_for(target, ids, rows, deadline_s=rows / 10 + 60))
        wrong += wrong_answers(target, ids, labels)
    ratios = [pipe / alone for pipe, alone in zip(piped, bare, strict=True)]
    return {"rows": rows, "threads": threads, "wrong": wrong,
            "bare_loop_per_s": bare, "pipeline_per_s": piped, "ratio": ratios,
            "median_ratio": statistics.median(ratios), "median_pipeline_per_s": statistics.median(piped),
            "median_bare_loop_per_s": statistics.median(bare)}
