"""The report of a story: one HTML file that needs nothing else."""

import base64
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from PIL import Image

from operations.story.expected import Expectation
from operations.story.plots import accuracy_plot, drift_plot, latency_plot
from operations.story.rows import StoryRow
from operations.story.tale import Tale

PHOTOS = 10
PHOTO_SIDE = 112


def write_report(tale: Tale, rows: Sequence[StoryRow], windows: Sequence[dict[str, Any]],
                 expectations: Sequence[Expectation], labels: Sequence[str],
                 read_image: Callable[[str], bytes]) -> str:
    """The report as HTML. `windows` are the monitor's, `labels` the class names, `read_image` gives the bytes of a
    path in the store."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("operations.story").joinpath("report.html.j2").read_text(encoding="utf-8"))
    start = tale.moments[0].at
    strips = [{"title": title, "photos": photos} for title, run in
              (("Monday's rows", "-monday"), ("Tuesday's rows", "-tuesday"), ("Monday's rows again", "-again"))
              if (photos := _photos([row for row in rows if row.run.endswith(run)], labels, read_image))]
    return template.render(
        tale=tale, day=_moment(start, "%d %B %Y, %H:%M"), expectations=expectations,
        unmet=[one for one in expectations if not one.met], gates=tale.gates, days=_days(tale), strips=strips,
        moments=[{"clock": _moment(one.at, "%H:%M:%S"), "since": clock(one.at - start), "words": one.words}
                 for one in tale.moments],
        plots=[
            {"title": "Accuracy", "svg": accuracy_plot(tale, rows),
             "caption": "Held against the true labels, which come some seconds after their rows."},
            {"title": "Drift", "svg": drift_plot(tale, windows),
             "caption": "Each window of answers against the days that the model in service knows. Above the dotted "
                        "line the window is like none of them."},
            {"title": "From row to answer", "svg": latency_plot(tale, rows),
             "caption": "From the commit of the source row to the stored answer."},
        ])


def clock(seconds: float) -> str:
    """Minutes and seconds, 12:03."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _moment(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _days(tale: Tale) -> list[dict[str, str]]:
    both = [tale.figures.get(side, {}) for side in ("before", "after")]
    return [{"name": name, "before": _interval(both[0].get(name)), "after": _interval(both[1].get(name))}
            for name in sorted({name for side in both for name in side})]


def _interval(figure: dict[str, float] | None) -> str:
    return "" if figure is None else f"{figure['accuracy']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _photos(rows: Sequence[StoryRow], labels: Sequence[str],
            read_image: Callable[[str], bytes]) -> list[dict[str, Any]]:
    shown = [row for row in rows if row.status == "predicted" and row.truth is not None][-PHOTOS:]
    return [{"data": _thumbnail(read_image(row.image_path or "")), "truth": labels[row.truth or 0],
             "right": row.correct, "words": _said(row, labels)} for row in shown]


def _said(row: StoryRow, labels: Sequence[str]) -> str:
    said = f"{labels[row.target or 0]} ({row.confidence or 0:.2f})"
    return said if row.correct else f"{said}, is {labels[row.truth or 0]}"


def _thumbnail(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
