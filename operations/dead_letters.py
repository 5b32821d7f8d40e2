"""Dead letters on the topic, and the table that says which of them are handled."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from sqlalchemy import Engine

from cargostream.errors import CargostreamError, Unavailable, UsageError
from cargostream.records import DEAD_LETTER_TOPIC, PARTITIONS, SOURCE_TOPIC, DeadLetter
from cargostream.replays import Repeat, Replayer, ReplayRecord, write_headers
from cargostream.sql import load_sql
from operations.letters import Handled, Letter, Place

DEADLINE_S = 30.0

_quiet = logging.getLogger("operations.librdkafka")


def read_letters(bootstrap: str, target: Engine, limit: int, handled_too: bool) -> list[Letter]:
    """Of each partition the newest `limit` letters, in their order; with those that are handled or without them.

    Raises:
        Unavailable: the broker does not answer.
    """
    marks = _marks(target)
    with _reader(bootstrap) as reader:
        letters = [_letter(message, marks) for message in _newest(reader, limit, set() if handled_too else set(marks))]
    return [letter for letter in letters if handled_too or letter.handled is None]


def read_letter(bootstrap: str, target: Engine, place: Place) -> Letter:
    """One letter.

    Raises:
        UsageError: the topic does not have it (any more).
        Unavailable: the broker does not answer.
    """
    partition, offset = place.numbers
    if partition < PARTITIONS:
        with _reader(bootstrap) as reader:
            at = TopicPartition(DEAD_LETTER_TOPIC, partition, offset)
            first, end = reader.get_watermark_offsets(at, timeout=DEADLINE_S)
            if first <= offset < end:
                reader.assign([at])
                for message in _read(reader, {partition: offset + 1}):
                    return _letter(message, _marks(target))
    raise UsageError(f"There is no dead letter {place}; `cargostream dlq list --all` shows those that there are.")


def replay_letter(replayer: Replayer, letter: Letter) -> int:
    """Send the original record through `cargo-replay`, and wait until the broker has it; the attempt that it will be.

    Raises:
        CargostreamError: what is kept is not the whole record, or it is none of a source row.
        Unavailable: the broker does not take it.
    """
    if letter.cut_from is not None:
        raise CargostreamError(f"Of {letter.place} only {len(letter.value or b''):,} of {letter.cut_from:,} bytes are "
                               "kept, so that it cannot be replayed; `cargostream dlq dismiss` puts it aside.")
    if letter.topic != SOURCE_TOPIC or not letter.epoch:
        raise CargostreamError(f"{letter.place} does not say which source record it repeats, so that it cannot be "
                               "replayed; `cargostream replay --rows` answers rows again, `cargostream dlq dismiss` "
                               "puts it aside.")
    repeat = Repeat(letter.epoch, letter.partition, letter.offset, letter.attempt + 1)
    replayer.send(ReplayRecord(letter.key, letter.value, write_headers(repeat)))
    replayer.flush()
    return repeat.attempt


def mark(target: Engine, place: Place, handled: str, by: str) -> None:
    """Note what was done about a letter."""
    partition, offset = place.numbers
    with target.begin() as connection:
        connection.execute(load_sql("operations.sql", "mark_letter"), {
            "topic": DEAD_LETTER_TOPIC, "partition": partition, "offset": offset, "handled": handled, "by": by})


def count_handled(target: Engine, firsts: dict[int, int]) -> int:
    """How many letters are handled of those that the topic still has. `firsts` are its partitions' first offsets."""
    with target.connect() as connection:
        return int(connection.execute(load_sql("operations.sql", "count_handled"), {
            "topic": DEAD_LETTER_TOPIC, "partitions": list(firsts), "firsts": list(firsts.values())}).scalar_one())


def _marks(target: Engine) -> dict[tuple[int, int], Handled]:
    with target.connect() as connection:
        found = connection.execute(load_sql("operations.sql", "letters_handled"), {"topic": DEAD_LETTER_TOPIC})
        return {(row.partition, row.offset): Handled(row.handled, row.handled_at, row.handled_by) for row in found}


@contextmanager
def _reader(bootstrap: str) -> Iterator[Consumer]:
    """A consumer that joins nothing."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "cargostream-operations", "fetch.wait.max.ms": 10,
                       "enable.auto.commit": False, "auto.offset.reset": "earliest"}, logger=_quiet)
    try:
        yield reader
    except KafkaException as error:
        raise Unavailable(f"The topic {DEAD_LETTER_TOPIC} cannot be read on the broker at {bootstrap}: "
                          f"{error.args[0].str()}. See `cargostream status`.") from error
    finally:
        reader.close()


def _newest(reader: Consumer, limit: int, passed_over: set[tuple[int, int]]) -> Iterator[Message]:
    """From so far back in each partition that `limit` records follow which are not to be passed over."""
    starts, ends = [], {}
    for partition in range(PARTITIONS):
        at = TopicPartition(DEAD_LETTER_TOPIC, partition)
        first, end = reader.get_watermark_offsets(at, timeout=DEADLINE_S)
        start, found = end, 0
        while start > first and found < limit:
            start -= 1
            found += (partition, start) not in passed_over
        if found:
            starts.append(TopicPartition(DEAD_LETTER_TOPIC, partition, start))
            ends[partition] = end
    reader.assign(starts)
    yield from _read(reader, ends)


def _read(reader: Consumer, ends: dict[int, int]) -> Iterator[Message]:
    """The records of the assigned partitions, up to these offsets."""
    deadline = time.monotonic() + DEADLINE_S
    open_ = dict(ends)
    while open_:
        for message in reader.consume(500, 0.2):
            if error := message.error():
                raise KafkaException(error)
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None or offset >= ends[partition]:
                continue
            if offset == ends[partition] - 1:
                del open_[partition]
            yield message
            deadline = time.monotonic() + DEADLINE_S
        if time.monotonic() > deadline:
            raise Unavailable(f"The topic {DEAD_LETTER_TOPIC} gave no record for {DEADLINE_S:.0f} s, and has some. "
                              "See `cargostream status`.")


def _letter(message: Message, marks: dict[tuple[int, int], Handled]) -> Letter:
    partition, offset = message.partition() or 0, message.offset() or 0
    place = Place("kafka", (partition, offset))
    headers = {name: content.decode("utf-8", "replace") if isinstance(content, bytes) else content
               for name, content in dict(message.headers() or ()).items()}
    try:
        told = msgspec.convert(headers, DeadLetter, strict=False)
    except msgspec.ValidationError as error:  # somebody else's
        told = DeadLetter("", -1, -1, f"its headers do not say: {error}", "", code="unknown", stage="unknown")
    return Letter(place, told.topic, told.partition, told.offset, told.epoch or None, told.attempt, told.code,
                  told.stage, told.reason, told.at, message.key(), message.value(), told.cut_from,
                  marks.get((partition, offset)))
