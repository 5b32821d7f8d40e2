"""Where an assignment starts, and whether records are missing between what was answered and what the broker has."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from cargostream.errors import Unavailable
from stream_worker.logs import log

TIMEOUT_S = 10


class Topic(msgspec.Struct, frozen=True):
    """What the command that makes topics remembers of one: the broker's id of it and its epoch."""

    id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Position:
    """Offsets of one partition: the group's committed one (None: never), the first and the one after the last."""

    committed: int | None
    beginning: int
    end: int

    @property
    def start(self) -> int:
        """The offset that is due next. Out of range, Kafka's reset policy `earliest` starts at the beginning."""
        if self.committed is None or not self.beginning <= self.committed <= self.end:
            return self.beginning
        return self.committed

    @property
    def gap(self) -> str | None:
        """What is missing, in words, if something is."""
        if self.committed is None:
            return f"the first {self.beginning} records were removed before any was read" if self.beginning else None
        if self.committed < self.beginning:
            return f"records {self.committed} to {self.beginning - 1} were removed before they were read"
        if self.committed > self.end:
            return f"records up to {self.committed - 1} were answered, the broker has none from {self.end} on"
        return None


class Described(NamedTuple):
    """The broker's id of a topic, and how many partitions it has."""

    id: str
    partitions: int


class Remains(NamedTuple):
    """The partition's beginning, and the offset of the first record from the one that was asked about on."""

    beginning: int
    first: int


def known_topic(run: Path, name: str) -> Topic:
    """The topic as `topics.json` in the folder `run` has it.

    Raises:
        Unavailable: it does not say (yet).
    """
    file = run / "topics.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Topic])[name]
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise Unavailable(f"{file} does not tell the epoch of topic {name}: start the stack, which makes the topics "
                          "and writes it.") from error


class Broker:
    """Questions to the broker about one consumer group; each blocks for at most some seconds.

    They are rare, and each has a client of its own: one that outlived the broker's restart may ask a coordinator that
    is not there any more. Offsets are asked for as a consumer that never joins: librdkafka's admin client ends the
    whole process (2.16.1, a null pointer) when the group's coordinator is only just coming up.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap, self._group = bootstrap, group

    def describe(self, topic: str) -> Described:
        """A topic as the broker has it. Raises Unavailable: no such topic, or no broker."""
        admin = AdminClient({"bootstrap.servers": self._bootstrap, "socket.timeout.ms": TIMEOUT_S * 1000}, logger=log)
        try:
            asked = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)[topic]
            found = asked.result(TIMEOUT_S)
            return Described(str(found.topic_id), len(found.partitions))
        except (KafkaException, TimeoutError) as error:
            raise Unavailable(f"Topic {topic} cannot be looked at: {in_words(error)}.") from error

    def positions(self, topic: str, partitions: set[int]) -> dict[int, Position]:
        """The position of each partition. Raises Unavailable."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        with self._reader() as reader:
            committed = reader.committed(asked, timeout=TIMEOUT_S) if asked else []
            ends = [reader.get_watermark_offsets(tp, timeout=TIMEOUT_S) for tp in committed]
        return {tp.partition: Position(tp.offset if tp.offset >= 0 else None, *end)
                for tp, end in zip(committed, ends, strict=True)}

    def remains(self, topic: str, partition: int, offset: int) -> Remains:
        """What is left of a partition from `offset` on. Raises Unavailable: no record, or no broker."""
        with self._reader() as reader:
            asked = TopicPartition(topic, partition, offset)
            reader.assign([asked])
            message = reader.poll(TIMEOUT_S)
            if message is None or message.error() or (first := message.offset()) is None:
                raise Unavailable(f"No record of {topic} partition {partition} came from offset {offset} on.")
            # Asked last: with what is removed meanwhile, a gap counts as lost rather than as nothing.
            return Remains(reader.get_watermark_offsets(asked, timeout=TIMEOUT_S)[0], first)

    def waits(self, topic: str, dues: Mapping[int, int]) -> bool:
        """Whether some partition has a record from the offset on that is due there. Raises Unavailable."""
        with self._reader() as reader:
            behind = [TopicPartition(topic, number, due) for number, due in dues.items()
                      if reader.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)[1] > due]
            if not behind:
                return False
            reader.assign(behind)  # what is there may be the markers of transactions only
            message = reader.poll(TIMEOUT_S)
            return message is not None and not message.error()

    @contextmanager
    def _reader(self) -> Iterator[Consumer]:
        reader = Consumer({  # a fetch that waited for more records would hold up the questions behind it
            "bootstrap.servers": self._bootstrap, "group.id": self._group, "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "auto.offset.reset": "earliest", "isolation.level": "read_uncommitted"}, logger=log)
        try:
            yield reader
        except KafkaException as error:
            raise Unavailable(f"The broker at {self._bootstrap} does not answer: {in_words(error)}.") from error
        finally:
            reader.close()


def in_words(error: Exception) -> str:
    """What the broker says, or that it says nothing."""
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    return f"no answer within {TIMEOUT_S} s" if isinstance(error, TimeoutError) else str(error)
