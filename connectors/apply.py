"""Makes Connect run the connectors as their files say."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx

from cargostream.errors import CargostreamError, Unavailable
from cargostream.settings import Settings
from connectors.desired import desired
from connectors.rest import answer, connect
from connectors.status import MISSING, has_failed, is_running, read_status

POLL_S = 0.1
RESTART_EVERY_S = 2.0
HALTED = ("STOPPED", "PAUSED")

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """What `apply` would do to a connector. `settings` is {name: (as it runs, as it should be)}, None where absent."""

    connector: str
    action: str
    settings: dict[str, tuple[str | None, str | None]]


def plan(settings: Settings) -> list[Change]:
    """One entry a connector; its action is `create`, `change` or `keep`.

    Raises:
        Unavailable: Connect does not answer.
    """
    deadline = time.monotonic() + 10
    with connect(settings) as client:
        return [_patiently(partial(_difference, client, name, wanted), deadline)
                for name, wanted in desired(settings).items()]


def apply(settings: Settings, deadline_s: float = 60) -> list[Change]:
    """Puts what differs and waits until every connector and task runs; what was changed.

    Tasks that failed while their database was not there yet are restarted meanwhile.

    Raises:
        CargostreamError: Connect refuses a file, or something does not run in time; the message says what and why.
    """
    deadline = time.monotonic() + deadline_s
    with connect(settings) as client:
        changes = []
        for name, wanted in desired(settings).items():
            change = _patiently(partial(_difference, client, name, wanted), deadline)
            changes.append(change)
            if change.action == "keep":
                continue
            if change.action == "change":
                _stop(client, name, deadline)
            _request(client, "PUT", f"/connectors/{name}/config", deadline, wanted)
        _wait(client, deadline, deadline_s)
    return changes


def delete(settings: Settings) -> list[str]:
    """Removes the connectors from Connect; their names. Offsets, topics and the replication slot stay: with them the
    same connectors go on where they stopped."""
    deadline = time.monotonic() + 30
    with connect(settings) as client:
        known = {each["name"] for each in _patiently(lambda: read_status(client), deadline)
                 if each["state"] != MISSING}
        gone = [name for name in desired(settings) if name in known]
        for name in gone:
            _request(client, "DELETE", f"/connectors/{name}", deadline)
    return gone


def halt(settings: Settings, names: Iterable[str], deadline_s: float = 30) -> None:
    """Stops those of the connectors that Connect knows, and waits until they have no task; `apply` resumes them.

    Raises:
        Unavailable: Connect does not answer.
        CargostreamError: a connector could not be stopped in time.
    """
    deadline = time.monotonic() + deadline_s
    with connect(settings) as client:
        known = {each["name"] for each in _patiently(lambda: read_status(client), deadline)
                 if each["state"] != MISSING}
        for name in names:
            if name in known:
                _stop(client, name, deadline)


def restart(client: httpx.Client, name: str, only_failed: bool = True) -> None:
    """Restarts a connector and its tasks: what failed of them, unless all is asked for."""
    answer(client.post(f"/connectors/{name}/restart", params={
        "includeTasks": "true", "onlyFailed": str(only_failed).lower()}))


def _difference(client: httpx.Client, name: str, wanted: dict[str, str]) -> Change:
    response = client.get(f"/connectors/{name}/config")
    if response.status_code == httpx.codes.NOT_FOUND:
        return Change(name, "create", {key: (None, value) for key, value in wanted.items()})
    running = {key: value for key, value in answer(response).items() if key != "name"}
    differing = {key: (running.get(key), wanted.get(key)) for key in sorted(running.keys() | wanted.keys())
                 if running.get(key) != wanted.get(key)}
    return Change(name, "change" if differing else "keep", differing)


def _patiently(ask: Callable[[], T], deadline: float) -> T:
    """Ask again as long as Connect is busy handing out its work."""
    while True:
        try:
            return ask()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def _request(client: httpx.Client, method: str, path: str, deadline: float, body: Any = None) -> None:
    _patiently(lambda: answer(client.request(method, path, json=body, timeout=30)), deadline)


def _stop(client: httpx.Client, name: str, deadline: float) -> None:
    """For a moment after a new config Connect still tells of the old tasks, which run; a stopped connector has none."""
    _request(client, "PUT", f"/connectors/{name}/stop", deadline)
    while next(each["tasks"] for each in _patiently(lambda: read_status(client), deadline) if each["name"] == name):
        if time.monotonic() > deadline:
            raise CargostreamError(f"Connector {name} could not be stopped in time. "
                                   f"See `cargostream logs connect`.")
        time.sleep(POLL_S)


def _wait(client: httpx.Client, deadline: float, deadline_s: float) -> None:
    restart_at = 0.0
    while True:
        found = _patiently(lambda: read_status(client), deadline)
        waiting = [connector for connector in found if not is_running(connector)]
        if not waiting:
            return
        now = time.monotonic()
        if now > deadline:
            raise CargostreamError(" ".join(_why_not(connector, deadline_s) for connector in waiting))
        if now > restart_at:
            restart_at = now + RESTART_EVERY_S
            for connector in waiting:
                if has_failed(connector):
                    _patiently(partial(restart, client, connector["name"]), deadline)
                elif connector["state"] in HALTED:
                    _request(client, "PUT", f"/connectors/{connector['name']}/resume", deadline)
        time.sleep(POLL_S)


def _why_not(connector: dict[str, Any], deadline_s: float) -> str:
    states = ", ".join(f"task {task['id']} {task['state']}" for task in connector["tasks"]) or "no task"
    why = f": {connector['cause']}" if connector["cause"] else ""
    return (f"Connector {connector['name']} did not run within {deadline_s:.0f} s "
            f"({connector['state']}, {states}){why}. See `cargostream logs connect`.")
