"""How the connectors and their tasks are, as Connect says."""

import re
from typing import Any

import httpx

from cargostream.settings import Settings
from connectors.desired import CONNECTORS
from connectors.rest import answer, connect

RUNNING, FAILED, UNASSIGNED, MISSING = "RUNNING", "FAILED", "UNASSIGNED", "MISSING"
JAVA_CLASS = re.compile(r"^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*: ")

PLAINER = {
    "Unable to determine Dialect without JDBC metadata": "the database could not be reached, or refused the login",
    "no longer available on the server": "the replication slot was lost or made anew: changes were missed",
}
"""Causes that say what happened in words that help nobody, by a part of them."""


def status(settings: Settings) -> list[dict[str, Any]]:
    """One entry a connector of this project: `{"name", "state", "tasks": [{"id", "state", "cause"}], "cause"}`.

    States are Connect's (RUNNING, FAILED, PAUSED, STOPPED, UNASSIGNED, RESTARTING), or MISSING for a connector that
    Connect does not know. `cause` is None unless something failed.

    Raises:
        Unavailable: Connect does not answer.
    """
    with connect(settings) as client:
        return read_status(client)


def read_status(client: httpx.Client) -> list[dict[str, Any]]:
    """As `status`, through a client that is open already."""
    known = answer(client.get("/connectors", params={"expand": "status"}))
    return [_one(name, known[name]["status"] if name in known else None) for name in CONNECTORS]


def is_running(connector: dict[str, Any]) -> bool:
    """The connector runs, has a task, and all its tasks run."""
    states = _states(connector)
    return len(states) > 1 and set(states) == {RUNNING}


def has_failed(connector: dict[str, Any]) -> bool:
    """The connector or one of its tasks failed and waits to be restarted."""
    return FAILED in _states(connector)


def is_unassigned(connector: dict[str, Any]) -> bool:
    """The connector or one of its tasks is with no Connect worker, or so Connect says."""
    return UNASSIGNED in _states(connector)


def _states(connector: dict[str, Any]) -> list[str]:
    return [connector["state"], *(task["state"] for task in connector["tasks"])]


def _one(name: str, found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {"name": name, "state": MISSING, "tasks": [], "cause": None}
    tasks = [{"id": task["id"], "state": task["state"], "cause": cause(task.get("trace"))} for task in found["tasks"]]
    causes = [cause(found["connector"].get("trace")), *(task["cause"] for task in tasks)]
    return {"name": name, "state": found["connector"]["state"], "tasks": tasks,
            "cause": next((words for words in causes if words), None)}


def cause(trace: str | None) -> str | None:
    """The line of a Java stack trace that says what happened: its innermost cause, without the class's package."""
    if not trace:
        return None
    lines = trace.strip().splitlines()
    innermost = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    words = (innermost or lines)[-1 if innermost else 0].strip()
    for part, plainer in PLAINER.items():
        if part in words:
            return plainer
    return JAVA_CLASS.sub("", words)[:300]
