"""Rows through a running stack, put in and looked at with the commands that users type."""

import json
import time

import pytest
from confluent_kafka import Producer
from sqlalchemy import text

from cargostream.database import engine
from cargostream.records import INGEST_TOPIC
from producers.bad_rows import EXPECTED, parse_mix, spoilers
from producers.rows import plan, read_list

pytestmark = pytest.mark.timeout(600)
MIX = "good=3,bad=14"


@pytest.fixture(scope="module")
def images(stack):
    stack.run("data", "synthesize", "stream")
    return stack.settings.image_store / "stream.jsonl"


@pytest.fixture
def answers(stack):
    """Waits until every row of a run is answered; {ingest_key: (status, error_code)}."""
    source, target = engine(stack.settings, "source", "dashboard"), engine(stack.settings, "target", "dashboard")

    def look(run, rows):
        deadline = time.monotonic() + 120
        while True:
            with source.connect() as connection:
                keys = dict(connection.execute(text(
                    "SELECT id, ingest_key FROM cargo WHERE starts_with(ingest_key, :run)"), {"run": f"{run}:"}).all())
            with target.connect() as connection:
                found = connection.execute(text(
                    "SELECT source_id, status, error_code FROM cargo_prediction WHERE source_id = ANY(:ids)"),
                    {"ids": list(keys)}).all()
            if len(found) == rows:
                return {keys[identity]: (status, code) for identity, status, code in found}
            assert time.monotonic() < deadline, f"{len(found)} answers and {len(keys)} rows of {rows} after 120 s"
            time.sleep(0.2)

    yield look
    source.dispose()
    target.dispose()


def test_every_bad_row_is_answered_with_its_code_and_stops_nothing(stack, images, answers):
    written = json.loads(stack.run("produce", "--rows", "60", "--rate", "0", "--mix", MIX, "--run", "bad", "--json"))
    assert written["rows"] == 60
    assert set(written["kinds"]) == {"good", *EXPECTED}
    listed, weights = read_list(images), parse_mix(MIX)
    drawn = plan("bad", listed, 1, weights, spoilers(stack.settings.image_store, set(weights), listed[0]))
    expected = {row.ingest_key: ("predicted", None) if row.kind == "good" else ("rejected", EXPECTED[row.kind])
                for row, _ in zip(drawn, range(60), strict=False)}
    assert answers("bad", 60) == expected


def test_records_on_the_topic_become_rows_once(stack, images, answers):
    for rows in ("15", "20"):
        stack.run("produce", "--rows", rows, "--rate", "0", "--batch", "5", "--to", "topic", "--run", "topic")
    assert set(answers("topic", 20).values()) == {("predicted", None)}


def test_bad_records_are_kept_with_their_reason_and_stop_nothing(stack, images, answers):
    producer = Producer({"bootstrap.servers": stack.settings.bootstrap, "partitioner": "murmur2_random"})
    bad = [b"no json", b"null", None, b"[]", b'{"image_path": "a.jpg"}', b'{"ingest_key": "k", "image_path": 7}',
           b'{"ingest_key": "k", "image_path": "a.jpg", "target": "wood"}']
    for value in bad:
        producer.produce(INGEST_TOPIC, value, b"bad")
    assert producer.flush(30) == 0
    stack.run("produce", "--rows", "5", "--rate", "0", "--to", "topic", "--run", "after-bad")
    assert set(answers("after-bad", 5).values()) == {("predicted", None)}
    refused = [row for row in json.loads(stack.run("status", "--json"))["refused"] if row["topic"] == INGEST_TOPIC]
    assert sum(row["records"] for row in refused) == len(bad)
    assert all(row["reason"] for row in refused)


def test_labels_that_come_late_change_no_prediction(stack, images, answers):
    stack.run("produce", "--rows", "5", "--rate", "0", "--run", "late", "--late-labels", "1")
    answers("late", 5)
    target = engine(stack.settings, "target", "dashboard")
    deadline = time.monotonic() + 30
    known, predictions = 0, 0
    while known < 5 and time.monotonic() < deadline:
        with target.connect() as connection:
            known, predictions = connection.execute(text(
                "SELECT count(DISTINCT id) FILTER (WHERE cargo.target IS NOT NULL), count(history.source_id) "
                "FROM cargo LEFT JOIN cargo_prediction_history AS history ON history.source_id = cargo.id "
                "WHERE starts_with(cargo.ingest_key, 'late:')")).one()
        time.sleep(0.2)
    target.dispose()
    assert (known, predictions) == (5, 5)


def test_status_of_a_stack_that_works_is_healthy_and_tells_all(stack, images):
    found = json.loads(stack.run("status", "--json"))
    assert found["healthy"]
    assert found["reasons"] == []
    assert {connector["name"] for connector in found["connectors"]} == {
        "postgres-source-connector", "postgres-sink-connector", "ingest-sink-connector"}
    assert all(task["state"] == "RUNNING" for connector in found["connectors"] for task in connector["tasks"])
    assert found["slots"][0]["active"]
    assert found["workers"][0]["model_version"] >= 1
    assert found["rows"]["source"]["exact"]
    assert {lag["topic"] for lag in found["topics"]["lags"]} >= {"postgres-source-cargo", "cargo-ingest"}
    assert "waiting" in stack.run("status")


def test_a_demo_leaves_a_stack_running_that_ran_before(stack, images):
    line = json.loads(stack.run("demo", "--rows", "10").splitlines()[-1])
    assert (line["rows"], line["predicted"], line["missing"]) == (10, 10, 0)
    assert line["start_s"] < 15
    assert json.loads(stack.run("status", "--json"))["running"]
