"""`cargostream verify`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cargostream.cli.output import err, out
from cargostream.errors import Unavailable

if TYPE_CHECKING:
    from cargostream.settings import Settings
    from operations.verify.once import Report


def verify(
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C or SIGTERM.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what differs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object; with --watch, an object a "
                                                         "line for each finding and each sweep.")] = False,
) -> None:
    """Compare the source with its mirror, and the mirror with the predictions, while rows keep coming.

    What differs is looked at again when everything that was on its way has arrived: only what is the same then counts.
    Exits 0 when all agree, 3 when rows differ and were not repaired, 1 when it could not be found out.

    With --repair, what the mirror lacks is written again in the source, as it is; a missing prediction is asked for
    again through the topic cargo-replay; what the source has no more is deleted in the target. Rows whose image was
    missing are tried again, ever more seldom, for an hour from their first answer.

    With --watch, what came lately is compared every five seconds, and everything else by a slow sweep
    (CARGOSTREAM_VERIFY_RATE). The stack runs `cargostream verify --watch --repair` by itself.
    """
    from cargostream.settings import load_settings

    settings = load_settings()
    if watch:
        from operations.verify.process import watch as go_on

        go_on(settings, repair, _print_line if as_json else _nothing)
        return
    report = _once(settings, repair)
    if as_json:
        import msgspec

        out.print(json.dumps(msgspec.to_builtins(report)), markup=False)
    else:
        _print(report, repair)
    if report.differing:
        raise typer.Exit(3)


def verify_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Of what `status` found: when everything was compared last, what differed since the beginning, and answers that
    contradict each other."""
    state = found.get("verified")
    if not state:
        return []
    if state["ended_at"]:
        swept = f"all {state['ended_rows']:,} rows compared by {state['ended_at']}"
    else:
        swept = f"{state['swept_rows']:,} rows compared in the first sweep"
    lines = [("verify", f"{swept}; {state['found']:,} differed so far, {state['repaired']:,} repaired, "
              f"{state['standing']:,} still differ")]
    if state["conflicts"]:
        lines.append(("conflicts", f"{state['conflicts']:,} answers contradict one that the same version had given for "
                      "the same record"))
    return lines


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(verify)


def _once(settings: "Settings", repair: bool) -> "Report":
    from confluent_kafka import KafkaException
    from sqlalchemy.exc import DBAPIError

    from operations.verify.process import once

    try:
        with err.status("comparing") as line:
            return once(settings, repair, lambda rows: line.update(f"compared {rows:,} rows"))
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0]
        raise Unavailable(f"A database does not answer: {why}. `cargostream status` tells what works.") from error
    except (KafkaException, TimeoutError) as error:
        why = str(error.args[0].str()) if isinstance(error, KafkaException) else "no answer in time"
        raise Unavailable(f"The broker at {settings.bootstrap} does not answer: {why}. `cargostream status` tells what "
                          "works.") from error


def _print(report: "Report", repair: bool) -> None:
    out.print(f"[bold]compared[/]     {report.rows:,} rows in {report.seconds:,.1f} s")
    for name, counts in (("differed", report.found), ("repaired", report.repaired)):
        for kind, rows in counts.items():
            out.print(f"[bold]{name:<12}[/] {rows:,} {kind}")
    if report.tried_again:
        out.print(f"[bold]tried again[/]  {report.tried_again:,} rows whose image was missing")
    for one in report.standing:
        out.print(f"[bold red]differs[/]      {one.id} {escape(one.kind)}")
    if report.differing > len(report.standing):
        out.print(f"[bold red]differ[/]       {report.differing - len(report.standing):,} more")
    if not report.differing:
        out.print("Source, mirror and predictions agree.")
    elif not repair:
        err.print("`cargostream verify --repair` repairs them.")


def _print_line(found: dict[str, Any]) -> None:
    out.print(json.dumps(found), markup=False)


def _nothing(found: dict[str, Any]) -> None:
    pass
