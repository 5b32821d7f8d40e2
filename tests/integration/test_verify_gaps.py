"""Losses on the way: a slot made anew after rows were written, changed and deleted without one, and records that
retention removed before the worker read them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import text

from benchmarks.stack import Stack, fresh_stack
from cargostream.database import engine
from cargostream.records import PARTITIONS, SOURCE_CONNECTOR, SOURCE_TOPIC
from tests.conftest import CACHE
from tests.integration.test_verify import drawn, verify
from tests.support.pipeline import Pipeline

LONG_S = 200


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """Its slot is dropped."""
    with fresh_stack(CACHE) as stack:
        stack.run("up")
        yield stack


def stop_connector(pipeline: Pipeline) -> None:
    """So that nobody reads the slot."""
    url = f"{pipeline.settings.connect_url}/connectors/{SOURCE_CONNECTOR}/stop"
    pipeline.wait("the connector stopped", lambda: httpx.put(url, timeout=60).is_success, LONG_S)


@contextmanager
def superuser(pipeline: Pipeline) -> Iterator[Callable[[str], Any]]:
    """Statements on the source, one transaction each; the first value that each returns."""
    admin = engine(pipeline.settings, "source", "admin")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        def run(statement: str) -> Any:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
        yield run
    admin.dispose()


def drop(pipeline: Pipeline) -> None:
    """As somebody would who thinks that nobody needs the slot."""
    stop_connector(pipeline)
    with superuser(pipeline) as run:
        pipeline.wait("a slot without a reader", lambda: run("SELECT NOT active FROM pg_replication_slots"), LONG_S)
        run("SELECT pg_drop_replication_slot('cargostream')")


def invalidate(pipeline: Pipeline) -> None:
    """As the source does when a stopped connector holds more log than it keeps."""
    stop_connector(pipeline)
    with superuser(pipeline) as run:
        pipeline.wait("a slot without a reader", lambda: run("SELECT NOT active FROM pg_replication_slots"), LONG_S)
        run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        run("SELECT pg_reload_conf()")

        def lost() -> bool:
            run("SELECT pg_logical_emit_message(false, 'test', 'more log')")
            run("SELECT pg_switch_wal()")
            run("CHECKPOINT")
            return bool(run("SELECT wal_status = 'lost' FROM pg_replication_slots"))
        pipeline.wait("a slot that is given up", lost, LONG_S)
        run("ALTER SYSTEM RESET max_slot_wal_keep_size")
        run("SELECT pg_reload_conf()")


def told(pipeline: Pipeline, kind: str) -> int:
    return len(pipeline.ask("SELECT FROM cargo_event WHERE kind = :kind AND severity = 'alarm'", kind=kind))


@pytest.mark.parametrize("lose", [drop, invalidate])
def test_a_gap_without_a_slot_is_noticed_and_repaired(own_stack: Stack, lose: Callable[[Pipeline], None]) -> None:
    pipeline = Pipeline(own_stack)
    kept = drawn(pipeline, f"slot-{lose.__name__}", 6, 950_000)
    before = told(pipeline, "slot_lost")
    lose(pipeline)
    deleted, changed = kept[:2], kept[2]
    pipeline.change("DELETE FROM cargo WHERE id = ANY(:ids)", ids=deleted)
    other = pipeline.draw("slot-other.png", 4, 960_000)
    pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id", path=other[0],
                    sha256=other[1], id=changed)
    images = [pipeline.draw(f"gap-{lose.__name__}-{n}.png", n % 5, 970_000 + n) for n in range(4)]
    written = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    pipeline.wait("the alarm about the lost slot", lambda: told(pipeline, "slot_lost") == before + 1, LONG_S)

    own_stack.run("connectors", "recapture", "--yes")
    pipeline.wait("the alarm about the new slot", lambda: told(pipeline, "slot_remade") == before + 1,
                  LONG_S)
    answers = pipeline.await_answers(written, LONG_S)
    assert {answer.status for answer in answers.values()} == {"predicted"}
    pipeline.wait("the other image's answer",
                  lambda: pipeline.answers([changed])[changed].image_sha256 == other[1], LONG_S)
    pipeline.wait("the deleted rows' answers gone", lambda: not pipeline.answers(deleted), LONG_S)
    assert verify(own_stack)[0] == 0
    assert pipeline.ask("SELECT FROM cargo WHERE id = ANY(:ids)", ids=deleted) == []
    assert told(pipeline, "slot_lost") == told(pipeline, "slot_remade") == before + 1


def test_records_removed_before_they_were_read_are_answered_all_the_same(own_stack: Stack) -> None:
    """The mirror has read them, the worker has not: it comes back to a topic that begins behind them."""
    pipeline = Pipeline(own_stack)
    worker = psutil.Process(own_stack.status()["parts"]["worker-0"]["pid"])
    worker.suspend()
    images = [pipeline.draw(f"removed-{n}.png", n % 5, 980_000 + n) for n in range(30)]
    ids = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    mirrored = "SELECT FROM cargo WHERE id = ANY(:ids)"
    pipeline.wait("the rows mirrored", lambda: len(pipeline.ask(mirrored, ids=ids)) == len(ids))
    admin = AdminClient({"bootstrap.servers": pipeline.settings.bootstrap})
    ends = [TopicPartition(SOURCE_TOPIC, number, OFFSET_END) for number in range(PARTITIONS)]
    for future in admin.delete_records(ends).values():
        future.result(60)
    worker.kill()
    answers = pipeline.await_answers(ids, LONG_S)
    assert {answer.status for answer in answers.values()} == {"predicted"}
    assert {answer.attempt for answer in answers.values()} == {1}
    assert told(pipeline, "offsets_lost") >= 1
    assert verify(own_stack)[0] == 0
