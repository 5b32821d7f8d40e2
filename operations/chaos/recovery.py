"""What is seen of a recovery: each change once, in words, and the moment at which all was whole again."""

from typing import Any

SETTLED_S = 3.0
"""Rows that wait for no longer than this are on their way; one whose image is missing is given two seconds."""


class Recovery:
    """`killed` are the parts that were killed and the processes that they had; `before` is what the runner said."""

    def __init__(self, killed: dict[str, int], before: dict[str, dict[str, Any]]) -> None:
        self.whole_s: float | None = None
        self._killed = killed
        self._parts = {name: _state(part) for name, part in before.items()}
        self._connectors: dict[str, str] = {}
        self._connect_answers = True

    def step(self, at_s: float, parts: dict[str, dict[str, Any]], connectors: list[dict[str, Any]] | None,
             overdue: bool) -> list[str]:
        """Look at what the runner and Connect (None: no answer) say `at_s` seconds after the kill; what has changed.

        `overdue` tells whether a row waits for longer than SETTLED_S.
        """
        said = [*self._told_parts(parts), *self._told_connectors(connectors)]
        again = all(parts[name]["pid"] not in (None, pid) for name, pid in self._killed.items())
        ready = all(part["state"] == "ready" for part in parts.values())
        if self.whole_s is None and again and ready and not overdue and connectors is not None and all(
                _runs(connector) for connector in connectors):
            self.whole_s = round(at_s, 1)
            said.append("everything runs and no row waits: whole again")
        return said

    def _told_parts(self, parts: dict[str, dict[str, Any]]) -> list[str]:
        said = []
        for name, part in parts.items():
            if self._parts.get(name) != (state := _state(part)):
                self._parts[name] = state
                why = f": {part['error']}" if part["error"] and part["state"] in ("backoff", "failed") else ""
                said.append(f"{name} {part['state']}{why}")
        return said

    def _told_connectors(self, connectors: list[dict[str, Any]] | None) -> list[str]:
        said = []
        if (connectors is not None) != self._connect_answers:
            self._connect_answers = connectors is not None
            said.append("Connect answers again" if self._connect_answers else "Connect does not answer")
        for connector in connectors or ():
            states = [connector["state"], *(task["state"] for task in connector["tasks"])]
            state = "runs" if _runs(connector) else next((s for s in states if s != "RUNNING"), "has no task")
            if self._connectors.get(connector["name"], "runs") != state:
                said.append(f"{connector['name']} {state}" + (f": {connector['cause']}" if connector["cause"] else ""))
            self._connectors[connector["name"]] = state
        return said


def _state(part: dict[str, Any]) -> tuple[Any, ...]:
    return part["state"], part["restarts"]


def _runs(connector: dict[str, Any]) -> bool:
    states = [connector["state"], *(task["state"] for task in connector["tasks"])]
    return len(states) > 1 and set(states) == {"RUNNING"}
