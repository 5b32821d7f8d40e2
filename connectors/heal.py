"""Restarts what failed in Connect, which itself leaves a failed task failed for ever, and what it has lost sight of."""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from cargostream.errors import Unavailable
from cargostream.events import report
from cargostream.records import Event
from cargostream.settings import Settings
from connectors.apply import restart
from connectors.reach import reachable
from connectors.rest import connect
from connectors.status import has_failed, is_unassigned, read_status

LOUD_AFTER = 5
QUIET_S = 60.0
LONGEST_S = {True: 8.0, False: 60.0}
"""The longest pause between two tries, by whether the database is merely out of reach, or its disk is full."""
FULL = "No space left on device"
STRAY_S = 8.0
"""A connector that is handed out anew is UNASSIGNED for a moment. For longer it is what Connect believes of one that
runs: its word for the connector as it was can be written after that for the connector as it is. (KAFKA-12525; what was
done about it is for tasks only.) A restart puts that right."""

log = logging.getLogger(__name__)


@dataclass
class Trouble:
    """What is remembered of a connector that failed: tries so far, those of them for which no missing database can be
    blamed, when the next one is due, when it was last seen failed, whether its database was away then, whether the
    alarm was raised, and since when it is unassigned."""

    tries: int = 0
    unexplained: int = 0
    next_at: float = 0.0
    failed_at: float = 0.0
    away: bool = False
    told: bool = False
    stray_since: float | None = None


def heal_once(settings: Settings, memory: dict[str, Trouble]) -> list[dict[str, Any]]:
    """Restarts failed connectors and tasks that are due; `{"connector", "tries", "cause", "unreachable"}` for each.

    Tries go on for ever, with growing pauses: a database that comes back, or a mended table, needs nobody. A failure
    that is not for want of its database raises an alarm after `LOUD_AFTER` tries. `memory` is the caller's, empty at
    first, and is kept from call to call.

    Raises:
        Unavailable: Connect does not answer.
    """
    restarted = []
    with connect(settings) as client:
        for connector in read_status(client):
            name, now = connector["name"], time.monotonic()
            if not has_failed(connector):
                if is_unassigned(connector):
                    _restart_stray(client, memory.setdefault(name, Trouble()), name, now)
                else:
                    _forget(settings, memory, name, now)
                continue
            trouble = memory.setdefault(name, Trouble())
            trouble.failed_at = now
            was_away, trouble.away = trouble.away, not reachable(settings, name)
            came_back = was_away and not trouble.away
            if now < trouble.next_at and not came_back:
                continue
            trouble.tries += 1
            trouble.unexplained += not (trouble.away or came_back)
            why = "its database is away" if trouble.away else connector["cause"] or "Connect gives no reason"
            trouble.next_at = now + min(2.0 ** (trouble.tries - 1), LONGEST_S[trouble.away or FULL in why])
            _tell(settings, name, trouble, why)
            try:
                restart(client, name)
            except Unavailable:
                continue  # Connect hands out its work anew; the next round comes soon enough
            restarted.append({"connector": name, "tries": trouble.tries, "cause": why, "unreachable": trouble.away})
    return restarted


def _restart_stray(client: httpx.Client, trouble: Trouble, name: str, now: float) -> None:
    trouble.stray_since = trouble.stray_since or now
    if now - trouble.stray_since < STRAY_S:
        return
    trouble.stray_since, trouble.failed_at, trouble.tries = None, now, trouble.tries + 1
    log.warning("restarting a connector that is taken for unassigned", extra={
        "action": "connector_restart", "connector": name, "tries": trouble.tries})
    with suppress(Unavailable):  # Connect hands out its work anew
        restart(client, name, only_failed=False)


def _forget(settings: Settings, memory: dict[str, Trouble], name: str, now: float) -> None:
    """A task may run for some seconds before it fails again, so trouble is over only after a while."""
    trouble = memory.get(name)
    if trouble is None:
        return
    trouble.stray_since = None
    if now - trouble.failed_at < QUIET_S:
        return
    del memory[name]
    if not trouble.tries:
        return
    log.info("connector runs again", extra={"action": "connector_healed", "connector": name})
    if trouble.told:
        report(settings, Event("connector_healed", "info", name, f"Connector {name} runs again.", _now()))


def _tell(settings: Settings, name: str, trouble: Trouble, why: str) -> None:
    log.warning("restarting failed connector", extra={
        "action": "connector_restart", "connector": name, "tries": trouble.tries, "cause": why})
    if trouble.told or trouble.unexplained < LOUD_AFTER:
        return
    trouble.told = True
    log.error("connector fails again and again", extra={
        "action": "connector_failed", "connector": name, "tries": trouble.tries, "cause": why})
    report(settings, Event("connector_failed", "alarm", name,
                           f"Connector {name} failed {trouble.unexplained} times: {why}", _now()))


def _now() -> str:
    return datetime.now(UTC).isoformat()
