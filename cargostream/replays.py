"""Records on `cargo-replay`: source records again, which the worker answers again behind live rows.

Key and value are a source record's bytes. The headers say which record it repeats, so that the guard in the target can
order the answers: `epoch`, `partition`, `offset` and `attempt`, as decimal text. A repeat goes to the partition number
of the record that it repeats.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cargostream.errors import Unavailable
from cargostream.records import PARTITIONS, REPLAY_TOPIC, SourceKey, SourceRow

# librdkafka would print each lost connection on stderr, in the middle of a progress line.
_quiet = logging.getLogger("cargostream.librdkafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False

Headers = list[tuple[str, str | bytes | None]]

_LIMITS = {"epoch": range(1, 2**31), "partition": range(PARTITIONS), "offset": range(2**63), "attempt": range(1, 2**31)}


class Repeat(NamedTuple):
    """Which source record is answered again. Live rows are attempt 0."""

    epoch: int
    partition: int
    offset: int
    attempt: int


class ReplayRecord(NamedTuple):
    """A record for `cargo-replay`."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def replay_record(row: Mapping[str, Any], epoch: int, partition: int, offset: int, attempt: int) -> ReplayRecord:
    """The record that repeats a row of the mirror, which came with these coordinates.

    `row` has the fields of `SourceRow` by their names here; those that it lacks are null, others are left out. Times
    are ISO 8601 strings, `source_ts_ms` is in ms.
    """
    known = {name: row[name] for name in SourceRow.__struct_fields__ if name in row}
    value = SourceRow(**{**known, "op": "r", "deleted": "false"})
    return ReplayRecord(msgspec.json.encode(SourceKey(value.id)), msgspec.json.encode(value),
                        write_headers(Repeat(epoch, partition, offset, attempt)))


def write_headers(repeat: Repeat) -> Headers:
    """The headers of a record that repeats another."""
    return [(name, str(number).encode()) for name, number in repeat._asdict().items()]


def read_headers(headers: Headers | dict[str, str | bytes | None] | None) -> Repeat:
    """What a record on `cargo-replay` repeats.

    Raises:
        ValueError: the headers do not say; the message tells what is wrong.
    """
    found = dict(headers or ())
    return Repeat(*(_number(name, found.get(name)) for name in Repeat._fields))


def _number(name: str, content: str | bytes | None) -> int:
    text = content.decode("ascii", "replace") if isinstance(content, bytes) else content
    if not text:
        raise ValueError(f"the header {name} is missing")
    # int() would also take " 1_0", and thousands of digits.
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) in _LIMITS[name]):
        raise ValueError(f"the header {name} is {text[:40]!r}, which it cannot be")
    return int(text)


class Replayer:
    """Sends records to `cargo-replay`, or to another topic, with an idempotent producer. Not for several threads."""

    def __init__(self, bootstrap: str, patience_s: float = 30) -> None:
        self._bootstrap = bootstrap
        self._failures: list[KafkaError] = []
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "client.id": "cargostream-replay",
            "linger.ms": 5, "message.timeout.ms": int(patience_s * 1000), "message.max.bytes": 2_000_000,
        }, logger=_quiet)

    def send(self, record: ReplayRecord) -> None:
        """Hand a record to the producer; only `flush` tells that the broker has it. Raises as `put`."""
        self.put(REPLAY_TOPIC, read_headers(record.headers).partition, *record)

    def put(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """The same for any record on any topic.

        Raises:
            Unavailable: the broker takes no more.
        """
        deadline = time.monotonic() + 30
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, partition=partition, headers=headers,
                                       on_delivery=self._delivered)
                self._producer.poll(0)
                return
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise self._failed("it takes no more records") from error
                self._producer.poll(0.1)
            except KafkaException as error:
                raise self._failed(error.args[0].str()) from error

    def flush(self, deadline_s: float = 35) -> None:
        """Wait until the broker has every record.

        Raises:
            Unavailable: it does not take one, or not in time.
        """
        left = self._producer.flush(deadline_s)
        if self._failures or left:
            reason = self._failures[0].str() if self._failures else f"{left} records are not confirmed"
            self._failures.clear()
            raise self._failed(reason)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error:
            self._failures.append(error)

    def _failed(self, reason: str) -> Unavailable:
        return Unavailable(f"The broker at {self._bootstrap} takes no records to be answered again: {reason}. See "
                           "`cargostream status`.")
