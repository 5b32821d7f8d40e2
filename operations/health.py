"""Is the pipeline healthy, and if not, why: a judgement on what was read, and nothing else."""

from typing import Any

from operations.status import Data

STALLED_S = 30.0
"""Rows that wait while nothing was answered for so long are stuck, not slow."""


def reasons(parts: dict[str, dict[str, Any]], connectors: list[dict[str, Any]] | None, data: Data) -> list[str]:
    """One sentence for each thing that does not work, the most telling first; empty when all is well.

    `parts` is what the runner says ({name: {"state", "error", …}}), `connectors` is what Connect says, each with
    "name", "state" and "tasks" ([{"id", "state", "cause"}]), or None when it does not answer.
    """
    return [*_parts(parts), *_connectors(connectors), *_slots(data), *_workers(data), *_rows(data), *_unreadable(data)]


def _parts(parts: dict[str, dict[str, Any]]) -> list[str]:
    return [f"{name} is {part['state']}" + (f": {part['error']}" if part.get("error") else "")
            for name, part in parts.items() if part["state"] != "ready"]


def _connectors(connectors: list[dict[str, Any]] | None) -> list[str]:
    if connectors is None:
        return ["Connect does not answer, so no row moves"]
    found = []
    for connector in connectors:
        if connector["state"] != "RUNNING":
            found.append(f"connector {connector['name']} is {connector['state']}")
        found += [f"task {task['id']} of connector {connector['name']} is {task['state']}"
                  + (f": {task['cause']}" if task.get("cause") else "")
                  for task in connector["tasks"] if task["state"] != "RUNNING"]
        if connector["state"] == "RUNNING" and not connector["tasks"]:
            found.append(f"connector {connector['name']} has no task")
    return found


def _slots(data: Data) -> list[str]:
    if data.slots is None:
        return []
    if not data.slots:
        return ["the source has no replication slot: changes are not captured"]
    return [f"replication slot {slot.name} is {'lost' if slot.wal_status == 'lost' else 'close to being lost'}: "
            "the WAL that it needs is more than the source keeps"
            for slot in data.slots if slot.wal_status in ("unreserved", "lost")
            ] + [f"replication slot {slot.name} has no reader" for slot in data.slots if not slot.active]


def _workers(data: Data) -> list[str]:
    if not data.workers or any(worker.ready for worker in data.workers):
        return [f"worker at {worker.address} is not ready" for worker in data.workers or () if not worker.ready]
    return ["no worker is ready, so no row is answered"]


def _rows(data: Data) -> list[str]:
    if not data.rows or not data.rows.waiting:
        return []
    age = data.last_answer_age_s
    if (age is None or age > STALLED_S) and (data.rows.oldest_s or STALLED_S + 1) > STALLED_S:
        since = "no row was ever answered" if age is None else f"the last answer is {age:.0f} s old"
        return [f"{data.rows.waiting:,} rows wait for their answer and {since}"]
    return []


def _unreadable(data: Data) -> list[str]:
    return [f"{name} cannot be read: {why}" for name, why in data.unreadable.items()]
