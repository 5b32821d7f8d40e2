"""The report's plots, as SVG: what the rows of a story show over time."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from operations.story.rows import StoryRow, running
from operations.story.tale import Tale

WINDOW = 50
"""Labelled rows that a point of running accuracy is taken over."""

BUCKET_S = 10.0
"""Seconds that a point of latency is taken over."""

VERSION_COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52")
WIDTH, HEIGHT = 9.5, 3.0


def accuracy_plot(tale: Tale, rows: Sequence[StoryRow]) -> str:
    """Accuracy of the last 50 labelled rows, coloured by the version that answered."""
    figure, axes = _axes(tale, "share right, last 50 rows")
    start = tale.moments[0].at
    times, shares = running(rows, WINDOW)
    versions = [row.model_version for row in rows if row.correct is not None][WINDOW - 1:]
    for colour, version in zip(VERSION_COLOURS, sorted({v for v in versions if v is not None}), strict=False):
        points = [(time - start, share) for time, share, v in zip(times, shares, versions, strict=True) if v == version]
        axes.plot(*zip(*points, strict=True), ".", markersize=2, color=colour, label=f"version {version}")
    axes.set_ylim(0, 1.02)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", markerscale=5, fontsize=8)
    return _svg(figure)


def latency_plot(tale: Tale, rows: Sequence[StoryRow]) -> str:
    """Median and 99th percentile of the time from commit to stored answer, every ten seconds."""
    figure, axes = _axes(tale, "ms from row to answer")
    start = tale.moments[0].at
    buckets: dict[int, list[float]] = {}
    for row in rows:
        buckets.setdefault(int((row.committed_at - start) // BUCKET_S), []).append(row.latency_ms)
    times = [(bucket + 0.5) * BUCKET_S for bucket in sorted(buckets)]
    for share, style in ((0.5, "-"), (0.99, "--")):
        values = [float(np.quantile(buckets[bucket], share)) for bucket in sorted(buckets)]
        axes.plot(times, values, style, color="#4c72b0", linewidth=1, label=f"p{100 * share:.0f}")
    axes.set_yscale("log")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize=8)
    return _svg(figure)


def drift_plot(tale: Tale, windows: Sequence[dict[str, Any]]) -> str:
    """How unlikely each window is under the reference: -log10 of its p-value, and the level that trips the alarm."""
    figure, axes = _axes(tale, "-log10 p of a window")
    start = tale.moments[0].at
    for drift, colour, label in ((False, "#4c72b0", "as known"), (True, "#c44e52", "drift")):
        points = [(window["to_at"] - start, -np.log10(max(window["p_value"], 1e-30)))
                  for window in windows if window["p_value"] is not None and window["drift"] is drift]
        if points:
            axes.plot(*zip(*points, strict=True), "o", markersize=4, color=colour, label=label)
    if windows:
        axes.axhline(-np.log10(windows[-1]["threshold"]), color="#888888", linewidth=1, linestyle=":")
        axes.legend(loc="upper left", fontsize=8)
    return _svg(figure)


def _axes(tale: Tale, label: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    start = tale.moments[0].at
    for moment in tale.moments[1:]:
        axes.axvline(moment.at - start, color="#bbbbbb", linewidth=0.8)
        axes.annotate(moment.name, (moment.at - start, 1.01), xycoords=("data", "axes fraction"), rotation=60,
                      fontsize=7, color="#555555", annotation_clip=False)
    axes.set_xlabel("seconds since the start")
    axes.set_ylabel(label)
    axes.set_xlim(0, tale.moments[-1].at - start)
    return figure, axes


def _svg(figure: Any) -> str:
    file = io.StringIO()
    # Without a date and random ids, the same story gives the same bytes.
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "cargostream", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg"):]
