"""`cargostream status`: the truth about the data, not only about the processes."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cargostream.cli.output import err, out
from cargostream.cli.status_model import model_lines, seats
from cargostream.cli.verify import verify_lines
from cargostream.errors import CargostreamError

if TYPE_CHECKING:
    from cargostream.settings import Settings


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Everything that was found, as one JSON object.")] = False,
) -> None:
    """Show what works, how many rows wait at each stage, which model answers and how well.

    Exits 3 when something does not work; the reasons come first. Drift is shown as an alarm and leaves the exit code
    alone: the pipeline works, it is the rows that have changed.
    """
    from cargostream.settings import load_settings

    settings = load_settings()
    found = read_status(settings)
    if as_json:
        out.print(json.dumps(found), markup=False)
    else:
        for reason in found["reasons"]:
            err.print(f"[bold red]unhealthy:[/] {escape(reason)}")
        if found["running"]:
            _print(found)
    if not found["healthy"]:
        raise typer.Exit(3)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(status)


def read_status(settings: "Settings") -> dict[str, Any]:
    """Everything that can be found out, as plain JSON values; never raises for a part that is down."""
    import msgspec

    from compose.state import read_status as read_runner
    from operations.health import reasons
    from operations.status import read_data

    runner = read_runner(settings.home)
    if runner is None:
        return {"healthy": False, "running": False, "home": str(settings.home), "reasons": [
            f"the stack in {settings.home} is not running; start it with `cargostream up`"]}
    connectors = _connectors(settings)
    data = read_data(settings)
    why = reasons(runner["parts"], connectors, data)
    return {"healthy": not why, "running": True, "home": str(settings.home), "reasons": why, **runner,
            "connectors": connectors, **msgspec.to_builtins(data),
            "waiting": data.rows.waiting if data.rows else None}


def _connectors(settings: "Settings") -> list[dict[str, Any]] | None:
    from connectors.status import status as connector_status

    try:
        return list(connector_status(settings))
    except CargostreamError:
        return None


def _print(found: dict[str, Any]) -> None:
    for name, words in in_lines(found):
        out.print(f"[bold]{name:<13}[/] {escape(words)}")


def in_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What `read_status` found of a running stack, as (name, words)."""
    lines = [("health", "healthy" if found["healthy"] else "not healthy: see above"),
             ("parts", ", ".join(_part(name, part) for name, part in found["parts"].items()))]
    lines += [("connector", _connector(connector)) for connector in found["connectors"] or []]
    lines += [("slot", f"{slot['name']}: {'read' if slot['active'] else 'not read'}, {slot['wal_status']}, "
               f"holds {slot['held_bytes'] / 1e6:,.1f} MB of WAL") for slot in found["slots"] or []]
    if rows := found["rows"]:
        lines.append(("rows", f"{_count(rows['source'])} in the source, {_count(rows['mirrored'])} mirrored, "
                      f"{_count(rows['answered'])} answered"))
        oldest = f", the oldest for {rows['oldest_s']:.0f} s" if rows["oldest_s"] is not None else ""
        if snapshot := rows["snapshot"]:
            lines.append(("snapshot", f"initial snapshot: {snapshot['mirrored']:,} of {snapshot['rows']:,} rows "
                          f"mirrored, {snapshot['answered']:,} answered"))
        lines.append(("waiting", f"{found['waiting']:,}; of the newest {rows['compared']:,}: {rows['unmirrored']:,} "
                      f"to be mirrored, {rows['unanswered']:,} to be answered{oldest}"))
    if topics := found["topics"]:
        lines += [("lag", f"{lag['records']:,} on {lag['topic']} for {lag['group']}") for lag in topics["lags"]]
        lines.append(("dead letters", f"{topics['dead_letters']:,} not handled"))
    age = found["last_answer_age_s"]
    lines.append(("last answer", "none yet" if age is None else f"{age:,.1f} s ago"))
    for worker in found["workers"] or []:
        lines.append(("worker", f"{worker['address']} {'ready' if worker['ready'] else 'not ready'}, model version "
                      f"{worker['model_version'] or 'none'}"))
        lines += seats(worker["detail"])
    lines += model_lines(found)
    lines += verify_lines(found)
    lines += [("refused", f"{row['records']:,} from {row['topic']} ({row['database']}): {row['reason']}")
              for row in found["refused"] or []]
    lines += [("event", f"{event['last']} {event['severity']}: {event['detail']}")
              for event in found["events"] or [] if event["severity"] != "info"]
    return lines


def _part(name: str, part: dict[str, Any]) -> str:
    restarts = f" ({part['restarts']} restarts)" if part.get("restarts") else ""
    return f"{name} {part['state']}{restarts}"


def _connector(connector: dict[str, Any]) -> str:
    tasks = ", ".join(f"task {task['id']} {task['state']}" for task in connector["tasks"])
    return f"{connector['name']} {connector['state']}; {tasks or 'no task'}"


def _count(count: dict[str, Any]) -> str:
    return f"{count['rows']:,}" if count["exact"] else f"about {count['rows']:,}"
