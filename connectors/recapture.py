"""Lets the source connector begin anew, for when its place in the source's log is lost."""

import time

from cargostream.database import engine
from cargostream.errors import CargostreamError
from cargostream.records import SOURCE_CONNECTOR
from cargostream.settings import Settings
from cargostream.sql import load_sql
from connectors.apply import apply, halt
from connectors.desired import desired
from connectors.rest import answer, connect


def recapture(settings: Settings, deadline_s: float = 90) -> None:
    """Forget the connector's place and start it: it makes a slot if there is none, reads the whole table, and then
    follows the log. Rows that are there get a new place in the order of changes, so that they are predicted again; rows
    that were deleted while nobody followed the log are for `cargostream verify` to find.

    Raises:
        CargostreamError: Connect or the source does not do it in time; safe to run again.
    """
    deadline = time.monotonic() + deadline_s
    halt(settings, [SOURCE_CONNECTOR], deadline_s)
    capture = engine(settings, "source", "capture")
    try:
        with capture.begin() as connection:
            connection.execute(load_sql("connectors.sql.setup", "drop_lost_slot"),
                               {"slot": desired(settings)[SOURCE_CONNECTOR]["slot.name"]})
    finally:
        capture.dispose()
    with connect(settings) as client:
        while True:
            try:
                answer(client.delete(f"/connectors/{SOURCE_CONNECTOR}/offsets", timeout=30))
                break
            except CargostreamError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    apply(settings, max(10.0, deadline - time.monotonic()))
