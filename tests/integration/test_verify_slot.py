"""A replication slot that is lost, and made anew after rows were written, changed and deleted without one."""

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import text

from benchmarks.stack import Stack, fresh_stack
from cargostream.database import engine
from cargostream.records import SOURCE_CONNECTOR
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


def drop_slot(pipeline: Pipeline) -> None:
    """As somebody would who thinks that nobody needs it."""
    url = f"{pipeline.settings.connect_url}/connectors/{SOURCE_CONNECTOR}/stop"
    pipeline.wait("the connector stopped", lambda: httpx.put(url, timeout=60).is_success, LONG_S)
    admin = engine(pipeline.settings, "source", "admin")
    ask = text("SELECT active FROM pg_replication_slots WHERE slot_name = 'cargostream'")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        pipeline.wait("a slot without a reader", lambda: connection.execute(ask).scalar_one() is False, LONG_S)
        connection.execute(text("SELECT pg_drop_replication_slot('cargostream')"))
    admin.dispose()


def told(pipeline: Pipeline, kind: str) -> int:
    return len(pipeline.ask("SELECT FROM cargo_event WHERE kind = :kind AND severity = 'alarm'", kind=kind))


def test_a_gap_without_a_slot_is_noticed_and_repaired(own_stack: Stack) -> None:
    pipeline = Pipeline(own_stack)
    kept = drawn(pipeline, "slot", 6, 950_000)
    drop_slot(pipeline)
    deleted, changed = kept[:2], kept[2]
    pipeline.change("DELETE FROM cargo WHERE id = ANY(:ids)", ids=deleted)
    other = pipeline.draw("slot-other.png", 4, 960_000)
    pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id", path=other[0],
                    sha256=other[1], id=changed)
    images = [pipeline.draw(f"gap-{n}.png", n % 5, 970_000 + n) for n in range(4)]
    written = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    pipeline.wait("the alarm about the lost slot", lambda: told(pipeline, "slot_lost") == 1, LONG_S)

    own_stack.run("connectors", "recapture", "--yes")
    pipeline.wait("the alarm about the new slot", lambda: told(pipeline, "slot_remade") == 1, LONG_S)
    answers = pipeline.await_answers(written, LONG_S)
    assert {answer.status for answer in answers.values()} == {"predicted"}
    pipeline.wait("the other image's answer",
                  lambda: pipeline.answers([changed])[changed].image_sha256 == other[1], LONG_S)
    pipeline.wait("the deleted rows' answers gone", lambda: not pipeline.answers(deleted), LONG_S)
    assert verify(own_stack)[0] == 0
    assert pipeline.ask("SELECT FROM cargo WHERE id = ANY(:ids)", ids=deleted) == []
    assert told(pipeline, "slot_lost") == told(pipeline, "slot_remade") == 1
