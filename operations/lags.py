"""How far the readers of each topic have come, by their consumer groups."""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from cargostream.records import DEAD_LETTER_TOPIC, READER_GROUPS

TIMEOUT_S = 4.0

_quiet = logging.getLogger("operations.librdkafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class Lag(msgspec.Struct, frozen=True):
    """Records on a topic that a group has not acknowledged yet."""

    group: str
    topic: str
    records: int


class Topics(msgspec.Struct, frozen=True):
    """What the broker knows: every reader's lag, and the records kept on the dead-letter topic. `first_letters` are the
    offsets at which its partitions begin."""

    lags: list[Lag]
    dead_letters: int
    first_letters: dict[int, int] = {}


def connect(bootstrap: str) -> AdminClient:
    """A client that does not write about lost connections on standard error."""
    return AdminClient({"bootstrap.servers": bootstrap, "client.id": "cargostream-operations"}, logger=_quiet)


def read_topics(bootstrap: str) -> Topics:
    """Ask the broker, within a few seconds.

    Raises:
        KafkaException: the broker does not answer.
    """
    admin = connect(bootstrap)
    known = admin.list_topics(timeout=TIMEOUT_S).topics
    wanted = {topic for topics in READER_GROUPS.values() for topic in topics} | {DEAD_LETTER_TOPIC}
    partitions = [(topic, number) for topic in wanted & known.keys() for number in known[topic].partitions]
    first = offsets(admin, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    end = offsets(admin, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    acknowledged = {group: committed(bootstrap, group, partitions) for group in READER_GROUPS}
    lags = [
        Lag(group, topic, sum(end[at] - max(first[at], acknowledged[group].get(at, -1)) for at in partitions
                              if at[0] == topic))
        for group, topics in READER_GROUPS.items() for topic in topics if topic in known
    ]
    letters = [at for at in partitions if at[0] == DEAD_LETTER_TOPIC]
    return Topics(lags, sum(end[at] - first[at] for at in letters), {at[1]: first[at] for at in letters})


def offsets(admin: AdminClient, partitions: Iterable[tuple[str, int]], which: OffsetSpec) -> dict[Any, int]:
    """The first offset of each partition, or the one after its last.

    Raises:
        KafkaException: the broker does not answer.
    """
    asked = {TopicPartition(topic, number): which for topic, number in partitions}
    found = admin.list_offsets(asked, request_timeout=TIMEOUT_S)
    return {(at.topic, at.partition): future.result(2 * TIMEOUT_S).offset for at, future in found.items()}


def committed(bootstrap: str, group: str, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """What a group has acknowledged, by partition; negative where it never has.

    Raises:
        KafkaException: the broker does not answer.
    """
    # By a consumer that joins nothing: librdkafka 2.16's admin call for this can end the process while the group's
    # coordinator comes up.
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group}, logger=_quiet)
    try:
        found = consumer.committed([TopicPartition(*at) for at in partitions], timeout=TIMEOUT_S)
    finally:
        consumer.close()
    return {(at.topic, at.partition): at.offset for at in found}
