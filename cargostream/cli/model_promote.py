"""`cargostream model promote|rollback|challenge`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import typer

from cargostream.cli.model_tables import comparison_table, gates_table
from cargostream.cli.output import err, out
from cargostream.errors import UsageError
from cargostream.settings import Settings, load_settings

JSON = typer.Option(False, "--json", help="The result as one JSON object.")


def promote(
    version: str = typer.Argument(..., help="Number of the registered version, or an alias that points at it."),
    monday: float = typer.Option(0.02, min=0, max=1, help="Accuracy that it may lose on Monday's set."),
    significance: float = typer.Option(0.05, min=0, max=1, help="How unlikely by chance a difference must be."),
    calibration: float = typer.Option(0.01, min=0, max=1, help="By how much the calibration error may grow."),
    size_mb: float = typer.Option(20.0, min=0, help="Largest model.onnx, in megabytes."),
    slowdown: float = typer.Option(2.0, min=0, help="Longest time for an image, in times of the champion's."),
    live: Literal["require", "auto", "ignore"] = typer.Option(
        "auto", help="Rows of the stream that both answered: judge by them always, if there are enough, or never."),
    live_pairs: int = typer.Option(50, min=1, help="Such rows with a known truth that are enough."),
    store: Path | None = typer.Option(None, help="Image store with the evaluation sets; default: the one in the "
                                                 "settings."),
    as_json: bool = JSON,
) -> None:
    """Make a version champion, if it is fit for it: the worker swaps to it within seconds.

    It is fetched and checked as serving does, and held against the champion on the fixed evaluation sets of both days:
    better on Tuesday, not worse on Monday beyond a margin, calibration, size and speed within bounds, and no worse in
    service as far as it was challenger there. Refused (exit status 1) with the reason otherwise.
    """
    import msgspec

    from cargostream.cli.data import ensure
    from cargostream.records import CHAMPION
    from model_registry.gates import Margins
    from model_registry.judge import judge
    from model_registry.mlflow_rest import alias_of, find_version, versions_of
    from model_registry.promote import crown

    settings = load_settings()
    store = store or settings.image_store
    versions = versions_of(settings.tracking_uri, settings.model_name)
    candidate, champion = find_version(versions, settings.model_name, version), alias_of(versions, CHAMPION)
    if candidate == champion:
        if as_json:
            out.print_json(json.dumps({"model": settings.model_name, "champion": candidate.version,
                                       "candidate": candidate.version, "promoted": False}))
        else:
            out.print(f"{settings.model_name} version {candidate.version} is the champion already.")
        return
    margins = Margins(monday=monday, significance=significance, calibration=calibration, size_mb=size_mb,
                      slowdown=slowdown, live_pairs=live_pairs)
    with _progress() as progress:
        compared = judge(settings, champion, candidate, margins, live, partial(ensure, store), progress)
    if as_json:
        out.print_json(json.dumps(msgspec.to_builtins(compared, str_keys=True) | {"promoted": compared.passed}))
    else:
        out.print(comparison_table(compared))
        out.print(gates_table(compared))
    for note in compared.notes:
        err.print(note, markup=False)
    crown(settings, compared)
    over = f"over version {champion.version}" if champion else "with no champion before it"
    _done(settings, "model_promoted", candidate.version,
          f"{settings.model_name} version {candidate.version} was promoted {over}.", as_json)


def rollback(as_json: bool = JSON) -> None:
    """Make that version champion again that the present one was promoted over."""
    from model_registry.promote import roll_back

    settings = load_settings()
    before, now = roll_back(settings)
    if as_json:
        out.print_json(json.dumps({"from": before, "to": now}))
    _done(settings, "model_rolled_back", now,
          f"{settings.model_name} was rolled back from version {before} to version {now}.", as_json)


def challenge(
    version: str | None = typer.Argument(None, help="Number of the registered version."),
    none: bool = typer.Option(False, "--none", help="Let there be no challenger."),
    as_json: bool = JSON,
) -> None:
    """Let a version answer a share of the rows in the champion's shadow: kept in the history, never in the answer."""
    from model_registry.promote import call_off
    from model_registry.promote import challenge as begin

    if (version is None) != none:
        raise UsageError("Name a version that is to challenge the champion, or --none.")
    settings = load_settings()
    before = call_off(settings) if version is None else None
    now = None if version is None else begin(settings, version)
    if as_json:
        out.print_json(json.dumps({"challenger": now}))
    elif now:
        out.print(f"{settings.model_name} version {now} is challenger.")
    else:
        out.print(f"{settings.model_name} version {before} challenges no more." if before
                  else f"{settings.model_name} had no challenger.")


def _done(settings: Settings, kind: str, version: int, words: str, as_json: bool) -> None:
    """Tell the user, and whoever reads the stack's events, if there is a stack to tell."""
    import logging

    from cargostream.events import report
    from cargostream.records import Event

    if not as_json:
        out.print(words)
    # The client's own words about a broker that is away go on for lines; ours follow.
    logging.getLogger("cargostream.events").setLevel(logging.CRITICAL + 1)
    if not report(settings, Event(kind, "info", f"version {version}", words, datetime.now(UTC).isoformat()), 3):
        err.print(f"It is not among the stack's events: the broker at {settings.bootstrap} does not answer.")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each set on a terminal, a line elsewhere; between sets none, as they may have to be drawn first."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                   console=err, transient=True, disable=not sys.stderr.isatty())

    def progress(name: str, total: int, done: int) -> None:
        if not total:
            bar.add_task(f"measuring on {name}", total=None)
            bar.start()
            if bar.disable:
                err.print(f"measuring on {name}")
            return
        bar.update(bar.task_ids[-1], completed=done, total=total)
        if done == total:
            bar.stop()
            bar.remove_task(bar.task_ids[-1])

    try:
        yield progress
    finally:
        bar.stop()
