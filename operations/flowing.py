"""Whether rows flow: Connect calls a connector RUNNING some seconds before it reads and writes."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.database import engine
from cargostream.errors import Unavailable
from cargostream.records import READER_GROUPS, REPLAY_GROUP
from cargostream.settings import Settings
from operations.lags import TIMEOUT_S, connect
from operations.rows import query
from operations.words import in_one_line

STABLE = "STABLE"

NEEDED = [group for group in READER_GROUPS if group != REPLAY_GROUP]
"""Rows flow without the replays that come behind them."""


def wait_until_flowing(settings: Settings, deadline_s: float = 90.0) -> None:
    """Wait until the source's log is read and every reader that they need has its partitions.

    Raises:
        Unavailable: that did not come about in time; the message names what is missing.
    """
    source, admin = engine(settings, "source", "dashboard"), connect(settings.bootstrap)
    deadline = time.monotonic() + deadline_s
    try:
        while missing := _missing(source, admin):
            if time.monotonic() > deadline:
                raise Unavailable(f"Rows do not flow after {deadline_s:.0f} s: {missing}.")
            time.sleep(0.1)
    finally:
        source.dispose()


def _missing(source: Engine, admin: AdminClient) -> str | None:
    try:
        if not any(slot["active"] for slot in query(source, "slot")):
            return "nobody reads the source's replication slot"
        for group, future in admin.describe_consumer_groups(NEEDED, request_timeout=TIMEOUT_S).items():
            if future.result(2 * TIMEOUT_S).state.name != STABLE:
                return f"the group {group} has not handed out its partitions"
    except (DBAPIError, KafkaException, TimeoutError) as error:
        return in_one_line(error)
    return None
