"""Notices that the source connector is cut off from its slot, which it does not notice itself.

A connection can go silent without a word of its end. The server closes it after `wal_sender_timeout`; Debezium says for
a quarter of an hour more that it runs.
"""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from cargostream.database import engine
from cargostream.errors import Unavailable
from cargostream.events import report
from cargostream.records import SOURCE_CONNECTOR, Event
from cargostream.settings import Settings
from cargostream.sql import load_sql
from connectors.apply import restart
from connectors.rest import connect
from connectors.status import is_running, read_status

DEAF_S = 15.0
LOUD_AFTER = 5

log = logging.getLogger(__name__)


@dataclass
class Capture:
    """What is remembered: since when nobody reads the slot (None: it is read), and restarts in a row for it."""

    unread_since: float | None = None
    restarts: int = 0


def watch_capture(settings: Settings, memory: Capture) -> bool:
    """Restarts the source connector if it says that it runs and has not read its slot for DEAF_S; whether it did.

    `memory` is the caller's, and is kept from call to call.

    Raises:
        Unavailable: Connect does not answer.
    """
    now = time.monotonic()
    if not _is_unread(settings):
        memory.unread_since, memory.restarts = None, 0
        return False
    memory.unread_since = memory.unread_since or now
    if now - memory.unread_since < DEAF_S:
        return False
    with connect(settings) as client:
        source = next(each for each in read_status(client) if each["name"] == SOURCE_CONNECTOR)
        if not is_running(source):  # what failed is healed, what was stopped was stopped by somebody
            return False
        memory.unread_since, memory.restarts = None, memory.restarts + 1
        log.warning("restarting a connector that is cut off", extra={
            "action": "connector_restart", "connector": SOURCE_CONNECTOR, "tries": memory.restarts})
        try:
            restart(client, SOURCE_CONNECTOR, only_failed=False)
        except Unavailable:
            return False  # Connect hands out its work anew
    report(settings, Event(
        "capture_cut_off", "alarm" if memory.restarts >= LOUD_AFTER else "warning", SOURCE_CONNECTOR,
        f"Connector {SOURCE_CONNECTOR} said that it runs and did not read its slot: it was restarted.",
        datetime.now(UTC).isoformat()))
    return True


def _is_unread(settings: Settings) -> bool:
    login = engine(settings, "source", "capture")
    try:
        with login.connect() as connection:
            return bool(connection.execute(load_sql("connectors.sql", "slot_is_unread")).scalar_one())
    except DBAPIError:  # the source is away, which is another's concern
        return False
    finally:
        login.dispose()
