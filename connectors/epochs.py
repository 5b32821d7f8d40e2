"""What a topic that was made anew asks for: a new epoch in the guards, and readers that begin at its beginning.

The order is what makes it safe. Readers are halted, the epoch is raised, only then is a lost topic made and are offsets
rewound, and last the topic's new id is written down. An interruption leaves an id that fits no topic, so that the next
run does the rest; what a reader took under the old epoch meanwhile it reads again under the new one.
"""

import logging
import time
from collections.abc import Collection

from confluent_kafka import Consumer, KafkaException, TopicPartition
from sqlalchemy import Engine

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import PARTITIONS, READER_GROUPS, SOURCE_CONNECTOR, SOURCE_TOPIC
from cargostream.settings import Settings
from cargostream.sql import load_sql
from connectors.apply import halt
from connectors.desired import CONNECTORS

log = logging.getLogger(__name__)


def known_ids(operator: Engine) -> dict[str, str]:
    """{topic: id} as written down; an id is empty while a topic's new epoch is not complete."""
    with operator.begin() as connection:
        return {row.topic: row.topic_id for row in connection.execute(load_sql("connectors.sql.setup", "epochs"))}


def start_epochs(settings: Settings, operator: Engine, topics: Collection[str]) -> None:
    """Halt the connectors of these topics and raise the topics' epochs, once however often it is interrupted."""
    halt_connectors(settings, topics)
    for topic in topics:
        log.warning("topic was made anew", extra={"action": "topic_made_anew", "topic": topic})
    with operator.begin() as connection:
        connection.execute(load_sql("connectors.sql.setup", "raise_epoch"), [{"topic": topic} for topic in topics])


def record_ids(operator: Engine, ids: dict[str, str]) -> dict[str, int]:
    """Write the ids down; {topic: epoch}. A topic seen for the first time is in its first epoch."""
    with operator.begin() as connection:
        connection.execute(load_sql("connectors.sql.setup", "record_topic"),
                           [{"topic": topic, "topic_id": topic_id} for topic, topic_id in ids.items()])
        return {row.topic: row.epoch for row in connection.execute(load_sql("connectors.sql.setup", "epochs"))}


def halt_connectors(settings: Settings, topics: Collection[str]) -> None:
    """Stop the connectors that read or write these topics. A Connect that does not answer is not up yet: it has read
    nothing, and what it reads from here on it reads again after `rewind`."""
    theirs = {name: READER_GROUPS.get(f"connect-{name}", ()) for name in CONNECTORS}
    theirs[SOURCE_CONNECTOR] = (SOURCE_TOPIC,)
    names = [name for name in CONNECTORS if set(theirs[name]) & set(topics)]
    try:
        halt(settings, names)
    except Unavailable:
        log.info("Connect is not up, so nothing there needs to be stopped")


def rewind(settings: Settings, topics: Collection[str], deadline_s: float) -> None:
    """Let every reader begin these topics at their beginning. The broker forgets offsets with a topic; this is for
    those that a reader commits afterwards, from memory.

    Raises:
        CargostreamError: a reader is still at work after the deadline; only a group without members takes offsets.
    """
    deadline = time.monotonic() + deadline_s
    waiting = [(topic, group) for group, theirs in READER_GROUPS.items() for topic in theirs if topic in topics]
    while waiting:
        topic, group = waiting[0]
        try:
            _commit_zero(settings, group, topic)
            del waiting[0]
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise CargostreamError(
                    f"Topic {topic} was made anew, and the offsets of its reader {group} could not be reset: "
                    f"{error.args[0].str()}. Stop its readers with `cargostream down`, then run `cargostream up`."
                ) from error
            halt_connectors(settings, topics)
            time.sleep(0.2)


def _commit_zero(settings: Settings, group: str, topic: str) -> None:
    reader = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": group, "enable.auto.commit": False,
                       "socket.timeout.ms": 10_000}, logger=log)
    try:
        done = reader.commit(offsets=[TopicPartition(topic, n, 0) for n in range(PARTITIONS)], asynchronous=False)
        for each in done or []:
            if each.error:
                raise KafkaException(each.error)
    finally:
        reader.close()
