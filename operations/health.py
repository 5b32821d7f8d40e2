"""Is the pipeline healthy, and if not, why: a judgement on what was read, and nothing else."""

from typing import Any

from operations.rows import STALLED_S
from operations.status import Data


def reasons(parts: dict[str, dict[str, Any]], connectors: list[dict[str, Any]] | None, data: Data) -> list[str]:
    """One sentence for each thing that does not work, the most telling first; empty when all is well.

    `parts` is what the runner says ({name: {"state", "error", …}}), `connectors` is what Connect says, each with
    "name", "state" and "tasks" ([{"id", "state", "cause"}]), or None when it does not answer.
    """
    return [*_parts(parts), *_connectors(connectors), *_slots(data), *_workers(data), *_rows(data), *_verified(data),
            *_unreadable(data)]


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
    if not data.rows:
        return []
    found = []
    if data.rows.mirror_stands:
        found.append(f"{data.rows.unmirrored:,} rows wait to be mirrored and none was for {STALLED_S:.0f} s")
    if stuck := [one for one in data.rows.partitions if one.idle_s > STALLED_S]:
        where = ", ".join(str(one.partition) for one in stuck)
        found.append(f"{sum(one.rows for one in stuck):,} rows wait for their answer in partition {where}, and nothing "
                     f"moved there for {min(one.idle_s for one in stuck):.0f} s")
    return found


def _verified(data: Data) -> list[str]:
    standing = (data.verified or {}).get("standing", 0)
    if not standing:
        return []
    return [f"{standing:,} rows differ between source, mirror and predictions and were not repaired: "
            "`cargostream verify` lists them"]


def _unreadable(data: Data) -> list[str]:
    return [f"{name} cannot be read: {why}" for name, why in data.unreadable.items()]
