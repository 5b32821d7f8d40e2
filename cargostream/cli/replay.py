"""`cargostream replay`: rows predicted again, and what that changed."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cargostream.cli.database_faults import database_faults
from cargostream.cli.output import columns, err, out
from cargostream.errors import RejectCode, UsageError
from cargostream.labels import CARGO_LABELS
from cargostream.visible import visible

if TYPE_CHECKING:
    from operations.comparison import Comparison

PLAIN_LINE_EVERY_S = 5.0
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def replay(
    since: Annotated[str | None, typer.Option(help="Rows whose own time is this or later: ISO 8601 (UTC unless it says "
                                                   "otherwise), or 30m, 2h, 1d ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Rows whose own time is earlier than this.")] = None,
    from_id: Annotated[int | None, typer.Option(help="Rows from this id on.")] = None,
    to_id: Annotated[int | None, typer.Option(help="Rows up to this id.")] = None,
    rows: Annotated[str | None, typer.Option(help="These rows: ids with commas between them.")] = None,
    rejected: Annotated[str | None, typer.Option(metavar="CODE", help="Rows that are rejected with this code.")] = None,
    rate: Annotated[float, typer.Option(min=0, help="Rows per second at most; 0 is as fast as it goes.")] = 50.0,
    model: Annotated[int | None, typer.Option(min=1, metavar="VERSION", help="Have this version answer, into the "
                                                                             "history only.")] = None,
    patience: Annotated[float, typer.Option(min=1, help="Seconds without an answer after which to give up.")] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="What changed, as one JSON object.")] = False,
) -> None:
    """Predict rows again, behind live ones, and show what changed.

    Without --model the champion answers, and its answers become the current ones, unless a row changed meanwhile. With
    --model the version is fetched and answers here: the current answers stay, its own go to the history with the
    purpose "replay", and are held against the current ones.

    Conditions add up. Example: cargostream replay --rejected file_not_found --since 2h
    """
    from cargostream.database import engine
    from cargostream.replays import Replayer
    from cargostream.settings import load_settings
    from operations.ranges import Range, count, read
    from operations.replay import answer_again

    settings = load_settings()
    wanted = Range(_moment("--since", since), _moment("--until", until), from_id, to_id, _ids(rows), rejected)
    if wanted == Range():
        raise UsageError("Say which rows: --since, --until, --from-id, --to-id, --rows or --rejected.")
    if rejected is not None and rejected not in set(RejectCode):
        raise UsageError(f"No row is rejected with {rejected!r}; the codes are {', '.join(RejectCode)}.")
    began = time.monotonic()
    target = engine(settings, "target", "operator")
    with database_faults(), err.status("counting the rows") as line:
        total = count(target, wanted)
        progress = _progress(total, line.update)
        found = read(target, wanted)
        if model is None:
            done = answer_again(target, found, Replayer(settings.bootstrap), rate, patience, progress)
        else:
            from cargostream.cli.replay_model import answer_by, open_version

            done = answer_by(settings, open_version(settings, model), found, rate, patience, progress)
    target.dispose()
    if wanted.rows and total < len(wanted.rows):
        err.print(f"{len(wanted.rows) - total:,} of the rows that were named are not in the mirror, or do not meet the "
                  "other conditions.")
    told = done.as_json() | {"seconds": round(time.monotonic() - began, 1)}
    if as_json:
        out.print(json.dumps(told), markup=False)
    else:
        _print(done, told["seconds"], model)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(replay)


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,5})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a time such as 2026-11-21T09:00, or 30m, 2h, 1d ago, not {text!r}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _ids(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if not re.fullmatch(r"-?\d{1,18}(,-?\d{1,18})*", text):
        raise UsageError(f"--rows takes ids with commas between them, such as 1,2,3, not {text[:80]!r}.")
    return sorted({int(each) for each in text.split(",")})


def _progress(total: int, update: Callable[[str], None]) -> Callable[[int, int], None]:
    last = time.monotonic()

    def show(done: int, waiting: int) -> None:
        nonlocal last
        words = f"{done:,} of {total:,} rows answered again" + (f", {waiting:,} on their way" if waiting else "")
        if err.is_terminal:
            update(words)
        elif time.monotonic() - last > PLAIN_LINE_EVERY_S:
            err.print(words)
            last = time.monotonic()

    return show


def _print(done: "Comparison", seconds: float, model: int | None) -> None:
    who = f"by version {model}, into the history" if model else "again"
    words = [f"{done.rows:,} rows answered {who} in {seconds:,.1f} s: {done.changes.total():,} otherwise",
             f"{done.same:,} alike"]
    if done.gone:
        words.append(f"{done.gone:,} were deleted meanwhile")
    if done.left_out:
        words.append(f"{done.left_out:,} left out, as they end the process that reads them")
    out.print(", ".join(words) + ".")
    if done.changes:
        columns(("before", "after", "rows"), [
            (before, after, f"{rows:,}") for (before, after), rows in done.changes.most_common()])
        columns(("row", "before", "after", "truth", "image"), [
            (str(one["id"]), one["before"], one["after"], "" if one["truth"] is None else CARGO_LABELS[one["truth"]],
             visible(one["image_path"])) for one in done.examples])
    if accuracy := done.accuracy():
        out.print(f"Of {accuracy['rows']:,} rows with a known class and two answers, {accuracy['before']:.1%} were "
                  f"right before and {accuracy['after']:.1%} are after.")
