"""The source topic: records put straight on it, as nobody but Connect should, and how far the workers have read it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from cargostream.records import PARTITIONS, SOURCE_TOPIC, WORKER_GROUP
from operations import lags
from tests.faults import collect
from tests.faults.bench import Bench
from tests.faults.watching import looking
from tests.support.records import Record

LIMIT = "max.message.bytes"


class Put(NamedTuple):
    """Where a record landed."""

    epoch: int
    partition: int
    offset: int


def put_records(bench: Bench, records: Sequence[tuple[Record, int]]) -> list[Put]:
    """Write records, each to its partition; where they landed, in the same order."""
    landed: dict[int, Put] = {}
    epoch = collect.epoch(bench.settings)
    producer = Producer({"bootstrap.servers": bench.settings.bootstrap, "message.max.bytes": 2_000_000, "log_level": 0})
    for number, ((key, value), partition) in enumerate(records):
        def delivered(error: KafkaError | None, message: Message, number: int = number) -> None:
            assert error is None, f"the broker refused a record: {error}"
            landed[number] = Put(epoch, message.partition() or 0, message.offset() or 0)
        producer.produce(SOURCE_TOPIC, key=key, value=value, partition=partition, on_delivery=delivered)
    assert producer.flush(60) == 0
    return [landed[number] for number in range(len(records))]


def partitions(bench: Bench, ids: Sequence[int]) -> dict[int, int]:
    """The partition of each answered row's records."""
    return {source_id: row.source_partition for source_id, row in bench.pipeline.answers(ids).items()}


def record_limit(bench: Bench, topic: str) -> int:
    """The largest record, in bytes, that a topic takes."""
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = lags.connect(bench.settings.bootstrap)
    (told,) = admin.describe_configs([asked]).values()
    return int(told.result(30)[LIMIT].value)


def limit_records(bench: Bench, topic: str, largest: int) -> None:
    """Let a topic take only records of so many bytes."""
    entry = ConfigEntry(LIMIT, str(largest), incremental_operation=AlterConfigOpType.SET)
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = lags.connect(bench.settings.bootstrap)
    (done,) = admin.incremental_alter_configs([asked]).values()
    done.result(30)


def committed(bench: Bench) -> dict[int, int]:
    """What the workers' group has committed, by partition; none where it never has."""
    asked = [(SOURCE_TOPIC, number) for number in range(PARTITIONS)]
    found = lags.committed(bench.settings.bootstrap, WORKER_GROUP, asked)
    return {number: offset for (_, number), offset in found.items() if offset >= 0}


@contextmanager
def never_back(bench: Bench) -> Iterator[list[dict[int, int]]]:
    """No offset that the workers' group has committed goes back as long as this lasts; what was seen, look by look."""
    seen: list[dict[int, int]] = []

    def look() -> None:
        with suppress(KafkaException):
            seen.append(committed(bench))

    with looking(look, 0.1):
        yield seen
    back = [(earlier, later) for earlier, later in pairwise(seen)
            if any(later[number] < earlier[number] for number in earlier.keys() & later.keys())]
    assert not back, f"offsets went back: {back[:3]}"
