"""`cargostream produce`: rows into the pipeline."""

import secrets
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cargostream.cli.output import err, out
from cargostream.errors import UsageError

if TYPE_CHECKING:
    from cargostream.settings import Settings
    from producers.produce import Summary, Writer

PLAIN_LINE_EVERY_S = 5.0


def new_run() -> str:
    """A name for a run of the producer; its rows' keys begin with it."""
    return f"run-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"


def produce(
    rows: Annotated[int | None, typer.Option(min=1, help="End after so many rows; default: at Ctrl-C.")] = None,
    rate: Annotated[float, typer.Option(min=0, help="Rows per second; 0 is as fast as possible.")] = 20.0,
    batch: Annotated[int, typer.Option(min=1, max=100_000, help="Rows in one transaction.")] = 1,
    burst: Annotated[int, typer.Option(min=0, help="So many rows more, all at once, …")] = 0,
    every: Annotated[float, typer.Option(min=0, help="… every so many seconds.")] = 10.0,
    mix: Annotated[str, typer.Option(help="Kinds of rows and their weights, e.g. good=95,bad=5. Bad kinds: missing, "
                                          "empty, not_an_image, cut, outside, wrong_digest, huge.")] = "good",
    seed: Annotated[int, typer.Option(help="The same seed draws the same rows.")] = 1,
    images: Annotated[Path | None, typer.Option(help="Image list (JSON Lines), its paths relative to the store; "
                                                     "default: stream.jsonl in the store.")] = None,
    to: Annotated[Literal["sql", "topic"], typer.Option(help="Rows in the source table, or records on the topic "
                                                             "cargo-ingest.")] = "sql",
    late_labels: Annotated[float | None, typer.Option(min=0, help="Insert rows without their true label and set it so "
                                                                  "many seconds later.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that went away.")] = 120.0,
    run: Annotated[str | None, typer.Option(help="Name of the run; its rows have the keys NAME:0, NAME:1, … "
                                                 "A run that is repeated adds only what is not there yet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Put rows into the pipeline, at a rate, in a mix of good and bad ones.

    Rows are due by the clock: when the database is slow they are written late, and the summary says how late.
    Every row is written once, also when a server restarts in between.

    Example: cargostream produce --rows 300 --rate 50 --mix good=95,bad=5
    """
    import msgspec

    from cargostream.settings import load_settings
    from producers.bad_rows import parse_mix, spoilers
    from producers.late_labels import LateLabels
    from producers.produce import produce as write_rows
    from producers.rows import plan, read_list
    from producers.schedule import due_times

    settings = load_settings()
    run = run or new_run()
    if len(run) > 150 or ":" in run:
        raise UsageError("--run takes a name of at most 150 characters without a colon.")
    if late_labels is not None and to == "topic":
        raise UsageError("--late-labels needs --to sql: a label that comes later is an UPDATE of the row.")
    weights = parse_mix(mix)
    due = due_times(rate, burst, every)
    listed = read_list(images or settings.image_store / "stream.jsonl")
    drawn = plan(run, listed, seed, weights, spoilers(settings.image_store, set(weights), listed[0]))

    stop = threading.Event()
    interrupted = _stop_on_signals(stop)
    writer = _writer(settings, to, patience, late_labels, stop)
    try:
        with err.status(f"run {run}") as line:
            summary = write_rows(run, drawn, due, writer, limit=rows, batch=batch, stop=stop,
                                 progress=_progress(rows, line.update))
            if isinstance(writer, LateLabels):
                writer.settle(stop)
    finally:
        writer.close()
    out.print(msgspec.json.encode(summary).decode() if as_json else _in_words(summary))
    if interrupted:
        raise typer.Exit(130)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(produce)


def _writer(settings: "Settings", to: str, patience: float, late_labels: float | None,
            stop: threading.Event) -> "Writer":
    from producers.topic_writer import TopicWriter

    if to == "topic":
        return TopicWriter(settings.bootstrap, patience)

    from cargostream.database import engine
    from producers.late_labels import LateLabels
    from producers.sql_writer import SqlWriter

    writer = SqlWriter(engine(settings, "source", "writer"), patience, stop, err.print)
    return writer if late_labels is None else LateLabels(writer, late_labels, time.monotonic)


def _stop_on_signals(stop: threading.Event) -> list[int]:
    """The first Ctrl-C or SIGTERM lets the transaction at hand end; the list then tells that it was Ctrl-C."""
    interrupted: list[int] = []

    def on_signal(number: int, _: object) -> None:
        stop.set()
        if number == signal.SIGINT:
            interrupted.append(number)
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return interrupted


def _progress(rows: int | None, update: Callable[[str], None]) -> Callable[[int, float], None]:
    last = time.monotonic()

    def show(written: int, behind: float) -> None:
        nonlocal last
        late = f", {behind:.1f} s late" if behind > 1 else ""
        words = f"{written:,} rows" + (f" of {rows:,}" if rows else "") + late
        if err.is_terminal:
            update(words)
        elif time.monotonic() - last > PLAIN_LINE_EVERY_S:
            last = time.monotonic()
            err.print(words)

    return show


def _in_words(summary: "Summary") -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(summary.kinds.items()))
    late = f", up to {summary.late_s:.1f} s late" if summary.late_s >= 0.1 else ""
    return (f"{summary.rows:,} rows ({kinds or 'none'}) in {summary.seconds:.1f} s, {summary.rows_per_s:.1f} a second"
            f"{late}; run {summary.run}")
