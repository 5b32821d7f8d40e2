"""`cargostream connectors`: what Kafka Connect runs, held against the files in `connectors/files`."""

import json
from dataclasses import asdict
from typing import Any

import typer

from cargostream.cli.output import err, out

commands = typer.Typer(no_args_is_help=True, help="Connectors as code: compare, apply, watch, restart, remove.")
JSON = typer.Option(False, "--json", help="Print one JSON document.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(commands, name="connectors")


@commands.command()
def plan(as_json: bool = JSON) -> None:
    """Show what `apply` would change, and change nothing."""
    from cargostream.settings import load_settings
    from connectors.apply import plan

    changes = plan(load_settings())
    if as_json:
        _print_json([asdict(change) for change in changes])
        return
    for change in changes:
        out.print(f"{change.action:7} {change.connector}", markup=False)
        for key, (running, wanted) in change.settings.items():
            out.print(f"        {key}: {running} -> {wanted}", markup=False)


@commands.command()
def apply(
    as_json: bool = JSON, deadline: float = typer.Option(60.0, min=1, help="Seconds until all must run."),
) -> None:
    """Make Connect run the connectors as their files say, and wait until they do."""
    from cargostream.settings import load_settings
    from connectors.apply import apply

    err.print("Waiting until every connector and task runs …")
    changes = apply(load_settings(), deadline)
    if as_json:
        _print_json([{"connector": change.connector, "action": change.action} for change in changes])
        return
    for change in changes:
        out.print(f"{change.action:7} {change.connector}: RUNNING", markup=False)


@commands.command()
def status(as_json: bool = JSON) -> None:
    """Show the states of connectors and tasks; exit status 3 when one does not run."""
    from cargostream.settings import load_settings
    from connectors.status import is_running, status

    found = status(load_settings())
    if as_json:
        _print_json(found)
    for connector in () if as_json else found:
        tasks = ", ".join(f"task {task['id']} {task['state']}" for task in connector["tasks"]) or "no task"
        out.print(f"{connector['name']}: {connector['state']}, {tasks}", markup=False)
        if connector["cause"]:
            out.print(f"  {connector['cause']}", markup=False)
    if not all(is_running(connector) for connector in found):
        raise typer.Exit(3)


@commands.command()
def heal(as_json: bool = JSON) -> None:
    """Restart failed connectors and tasks, once. The runner does so all the time by itself."""
    from cargostream.settings import load_settings
    from connectors.heal import heal_once

    restarted = heal_once(load_settings(), {})
    if as_json:
        _print_json(restarted)
        return
    for restart in restarted:
        out.print(f"restarted {restart['connector']}: {restart['cause']}", markup=False)
    if not restarted:
        err.print("Nothing has failed.")


@commands.command()
def recapture(yes: bool = typer.Option(False, "--yes", help="Do not ask.")) -> None:
    """Begin anew with a look at the whole source table, when the replication slot was lost.

    Every row is predicted again. Rows that were deleted while there was no slot leave something behind in the target;
    `cargostream verify` finds it and, as the stack runs it, takes it away.
    """
    from cargostream.settings import load_settings
    from connectors.recapture import recapture

    if not yes:
        typer.confirm("Every row of the source is read and predicted again. Begin anew?", abort=True, err=True)
    err.print("Waiting until the source connector runs …")
    recapture(load_settings())
    out.print("The source connector reads the whole table.", markup=False)


@commands.command()
def delete(
    as_json: bool = JSON, yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Remove the connectors from Connect. Their offsets, the topics and the replication slot stay."""
    from cargostream.settings import load_settings
    from connectors.apply import delete

    if not yes:
        typer.confirm("Rows will not move until `cargostream connectors apply`. Remove the connectors?", abort=True,
                      err=True)
    gone = delete(load_settings())
    if as_json:
        _print_json(gone)
        return
    for name in gone:
        out.print(f"removed {name}", markup=False)


def _print_json(found: Any) -> None:
    out.print(json.dumps(found, indent=2), markup=False)
