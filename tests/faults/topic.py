"""Records put straight on the source topic, as nobody but Connect should."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from cargostream.records import SOURCE_TOPIC
from tests.faults import collect
from tests.faults.bench import Bench
from tests.support.records import Record


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
