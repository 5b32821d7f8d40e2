"""C6 to C11: what may lie on the source topic."""

import json
import time
from collections import Counter
from contextlib import suppress

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cargostream.database import engine
from cargostream.records import INGEST_TOPIC, PARTITIONS, SOURCE_TOPIC, WORKER_GROUP
from operations.lags import connect
from tests.faults import collect
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.cases.rows import invalid_records
from tests.faults.inputs import answered, good_rows, paused_worker, resident_kb, same_worker, write_among_good
from tests.faults.topic import committed, partitions, put_records
from tests.support.records import HARMLESS, INVALID, record, unreadable

BYTES = ("empty", "no json", "cut", "utf-16", "latin-1", "byte order mark", "two values", "bytes key")
VERSIONS = ("avro", "another magic byte", "protobuf")
NULLS = ("no value", "null", "no key", "null key", "nothing at all")


@case("C6", "bytes that are no JSON, cut, in another encoding, two values",
      "a dead letter each, exactly once, with its coordinates and a reason; the offsets advance")
def no_json(bench: Bench) -> str:
    return _dead_letters(bench, BYTES)


@case("C7", "JSON of wrong types, without columns or with more, NaN, 1e999, 100,000 deep, keys twice",
      "`invalid_message` where the row is known, else a dead letter; what changes nothing is predicted", repairs=True,
      own_stack=True)
def odd_json(bench: Bench) -> str:
    letters = _dead_letters(bench, [name for name in unreadable() if name not in (*BYTES, *VERSIONS, *NULLS)])
    rows = good_rows(bench, len(HARMLESS))
    ids = sorted(bench.write(rows))
    bench.pipeline.await_answers(ids)
    where = partitions(bench, ids)
    with same_worker(bench):
        put = put_records(bench, [
            ((record(source_id)[0], change(record(source_id, image_path=path, sha256=digest)[1])),
             where[source_id]) for source_id, (path, digest), change in zip(ids, rows, HARMLESS.values(), strict=True)])
        bench.pipeline.wait("answers to the records", lambda: [
            bench.pipeline.answers([source_id])[source_id].source_offset for source_id in ids] == [
            at.offset for at in put])
    return f"{letters}; {len(ids)} harmless ones predicted; {invalid_records(bench, INVALID)}"


@case("C8", "Avro, protobuf and unknown magic bytes", "a dead letter each and an alarm; nothing is dropped")
def versions(bench: Bench) -> str:
    began, deadline = bench.pipeline.ask("SELECT now() AS at")[0].at, time.monotonic() + 120
    letters = _dead_letters(bench, VERSIONS)
    while not bench.pipeline.ask("SELECT 1 FROM cargo_event WHERE kind = 'dead_letters' AND severity = 'alarm' "
                                 "AND stored_at >= :began", began=began):
        # One that follows another within a minute is held back for so long.
        assert time.monotonic() < deadline, "no alarm of dead letters within 120 s"
        bench.probe(deadline)
    return f"{letters}; the alarm dead_letters stands in cargo_event"


@case("C9", "tombstones, the value `null`, records without a key", "dead letters, never a delete; no crash")
def nulls(bench: Bench) -> str:
    return _dead_letters(bench, NULLS)


@case("C10", "the same records again, and the whole topic once more from offset 0",
      "predictions unchanged, byte for byte; a record that comes as a new one is answered alike", own_stack=True)
def again(bench: Bench) -> str:
    bench.load(600, bad=0.1)
    bench.settle()
    ids = collect.ask(bench._source_admin, "rows", first=bench.first)  # noqa: SLF001
    originals = {json.loads(message.key() or b"")["id"]: message for message in collect.records(
        bench.settings.bootstrap, SOURCE_TOPIC, bench.begin)}
    some = [row["id"] for row in ids if row["image_path"] != "../probe"][:100]
    put_records(bench, [((originals[i].key(), originals[i].value()), originals[i].partition() or 0) for i in some])
    bench.settle()
    before, repeats = _answers(bench), bench.repeats()
    records = sum(committed(bench).values())
    with paused_worker(bench):
        _rewind(bench)
    bench.pipeline.wait("the topic read once more", lambda: sum(committed(bench).values()) >= records, 120)
    bench.settle()
    after = _answers(bench)
    other = [(before[i], after.get(i)) for i in before if after.get(i) != before[i]]
    assert not other, f"{len(other)} answers are others than before the replay: {other[0]}"
    repeated = bench.repeats() - repeats
    assert repeated >= 600, f"only {repeated} answers came again"
    return (f"{len(some)} records put again: alike; {records} read again from 0, {repeated} answers came again and "
            f"agreed; {len(before)} predictions unchanged in every column; {bench.verdict()}")


@case("C11", "records of more than 1 MiB, paths and another column of 50 MB",
      "refused loudly by producer, broker and source; another column does not travel; no image is ever in Kafka")
def large(bench: Bench) -> str:
    body = json.dumps({"ingest_key": "large", "image_path": "x" * 1_048_577}).encode()
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        Producer({"bootstrap.servers": bench.settings.bootstrap}).produce(INGEST_TOPIC, body)
    refused: list[str] = []
    producer = Producer({"bootstrap.servers": bench.settings.bootstrap, "message.max.bytes": 9_000_000})
    producer.produce(INGEST_TOPIC, body * 2, on_delivery=lambda error, _: refused.append(str(error)))
    assert producer.flush(30) == 0
    assert "MSG_SIZE_TOO_LARGE" in refused[0], refused
    with pytest.raises(IntegrityError):
        bench.pipeline.insert([("x" * 50_000_000, None, None)])
    admin = engine(bench.settings, "source", "admin")
    rows = good_rows(bench, 3)
    try:
        with admin.begin() as connection:
            connection.execute(text("ALTER TABLE cargo ADD COLUMN note text"))
        with same_worker(bench):
            ids = bench.write(rows[:1])
            for size in (2_000_000, 50_000_000):
                bench.pipeline.change("UPDATE cargo SET note = repeat('n', :size) WHERE id = :id", size=size, id=ids[0])
            ids += bench.write(rows[1:])
            answered(bench, ids, timeout_s=180)
    finally:
        with admin.begin() as connection:
            connection.execute(text("ALTER TABLE cargo DROP COLUMN note"))
        admin.dispose()
    said = bench.verdict(minimum=3)
    largest = max(len(message.value() or b"") for message in collect.records(
        bench.settings.bootstrap, SOURCE_TOPIC, bench.begin))
    assert largest < 4000, f"a record has {largest} bytes"
    return f"all refused; a column of 50 MB stayed at home, the largest record has {largest} bytes; {said}"


def _dead_letters(bench: Bench, names: "list[str] | tuple[str, ...]") -> str:
    """Bytes that look like records of existing rows, among good rows: each a dead letter, once."""
    rows = good_rows(bench, len(names))
    ids = sorted(bench.write(rows))
    bench.pipeline.await_answers(ids)
    where = partitions(bench, ids)
    with same_worker(bench) as pid:
        before = resident_kb(pid)
        put = put_records(bench, [
            (unreadable(source_id, image_path=path, sha256=digest)[name], where[source_id])
            for name, source_id, (path, digest) in zip(names, ids, rows, strict=True)])
        bench.garbage |= {tuple(at) for at in put}
        write_among_good(bench, [])
        said = bench.verdict(minimum=len(rows))
        bench.figures["rss_grown_mb"] = round((resident_kb(pid) - before) / 1024, 1)
    letters = collect.records(bench.settings.bootstrap, "cargo-dead-letter", bench.begin)
    times = Counter(collect.dead(letters))
    assert {times[tuple(at)] for at in put} == {1}, "a dead letter is missing, or there twice"
    for letter in letters:
        headers = {name: (content or b"").decode() for name, content in letter.headers() or []}
        assert all(headers.get(name) for name in ("topic", "partition", "offset", "epoch", "reason", "at")), headers
    return f"{len(put)} dead letters, each once; {said}"


def _answers(bench: Bench) -> dict[int, tuple[object, ...]]:
    """Every column of every current prediction, but of images that are missing: `verify` has those tried again."""
    return {row.source_id: tuple(row) for row in bench.pipeline.ask(
        "SELECT * FROM cargo_prediction WHERE source_id >= :first AND error_code IS DISTINCT FROM 'file_not_found'",
        first=bench.first)}


def _rewind(bench: Bench) -> None:
    """Let the workers' group begin anew, once the broker has given up those who slept."""
    wanted = ConsumerGroupTopicPartitions(WORKER_GROUP, [TopicPartition(SOURCE_TOPIC, n, 0) for n in range(PARTITIONS)])
    admin, deadline = connect(bench.settings.bootstrap), time.monotonic() + 25
    while True:
        with suppress(KafkaException):
            done = admin.alter_consumer_group_offsets([wanted], request_timeout=10)[WORKER_GROUP].result(10)
            if all(at.error is None for at in done.topic_partitions or []):
                return
        assert time.monotonic() < deadline, "the group could not be rewound within 25 s"
        time.sleep(0.5)
