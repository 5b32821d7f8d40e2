"""The connectors for real: rows through Debezium, Kafka and the JDBC sinks, and what happens when something dies."""

import itertools
import json
import os
import subprocess
import sys
import threading

import httpx
import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support.connect import running_parts, until
from support.databases import Databases

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import (
    EVENTS_TOPIC,
    INGEST_CONNECTOR,
    INGEST_TOPIC,
    PREDICTIONS_TOPIC,
    SINK_CONNECTOR,
    SOURCE_CONNECTOR,
    SOURCE_TOPIC,
    Prediction,
)
from cargostream.settings import load_settings
from connectors import heal
from connectors.apply import apply, delete, plan
from connectors.heal import heal_once
from connectors.schema import apply_schema
from connectors.status import is_running, status
from connectors.topics import ensure_topics


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    with running_parts(tmp_path_factory.mktemp("home")) as parts:
        apply_schema(parts.settings)
        ensure_topics(parts.settings)
        yield parts


@pytest.fixture(scope="module")
def settings(parts):
    return parts.settings


@pytest.fixture(scope="module")
def databases(settings):
    databases = Databases(settings, {}, itertools.count(1))
    yield databases
    for each in databases.engines.values():
        each.dispose()


@pytest.fixture
def connectors(settings):
    """All connectors running, whatever the test before did to them."""
    apply(settings)


@pytest.fixture
def insert(databases):
    """Write a row; its id."""
    def write(image_path="a.jpg", **columns):
        names = ", ".join(columns | {"image_path": 0})
        values = ", ".join(f":{name}" for name in columns | {"image_path": 0})
        (row,) = databases.query("source", f"INSERT INTO cargo ({names}) VALUES ({values}) RETURNING id",  # noqa: S608
                                 "writer", image_path=image_path, **columns)
        return row["id"]
    return write


@pytest.fixture
def mirrored(databases):
    """The mirror's row of an id, or None."""
    def read(identity):
        rows = databases.query("target", "SELECT * FROM cargo WHERE id = :id", id=identity)
        return rows[0] if rows else None
    return read


@pytest.fixture
def send(settings):
    def to(topic, *values, key=b"k"):
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        for value in values:
            producer.produce(topic, value, key)
        assert producer.flush(10) == 0
    return to


def command(settings, *words):
    return subprocess.run([sys.executable, "-m", "cargostream", "connectors", *words], capture_output=True, text=True,
                          env={**os.environ, "CARGOSTREAM_HOME": str(settings.home)}, timeout=120, check=False)


def test_apply_brings_everything_up_and_then_finds_nothing_to_do(settings):
    delete(settings)
    assert {change.action for change in plan(settings)} == {"create"}
    assert {change.action for change in apply(settings)} == {"create"}
    assert {change.action for change in plan(settings)} == {"keep"}
    assert {change.action for change in apply(settings)} == {"keep"}
    assert all(map(is_running, status(settings)))


def test_a_row_and_its_changes_reach_the_mirror(connectors, databases, insert, mirrored):
    identity = insert("a.jpg", target=2, sha256="f" * 64, ingest_key="the row")
    row = until(lambda: mirrored(identity), "the row is mirrored")
    (source,) = databases.query("source", "SELECT * FROM cargo WHERE id = :id", id=identity)
    assert {name: row[name] for name in source} == dict(source)
    assert row["source_epoch"] == 1
    assert row["committed_at"] <= row["stored_at"]
    databases.query("source", "UPDATE cargo SET image_path = 'b.jpg' WHERE id = :id", "writer", id=identity)
    until(lambda: mirrored(identity)["image_path"] == "b.jpg", "the change is mirrored")
    databases.query("source", "DELETE FROM cargo WHERE id = :id", "writer", id=identity)
    until(lambda: mirrored(identity) is None, "the deletion is mirrored")
    insert("c.jpg", id=identity)
    until(lambda: mirrored(identity), "the new row under the old id is mirrored")


def test_many_rows_of_one_transaction_with_changes_in_it(connectors, databases):
    databases.query("source", """
        INSERT INTO cargo (image_path) SELECT 'many/' || n FROM generate_series(1, 3000) AS n""", "writer")
    databases.query("source", "UPDATE cargo SET target = id % 5 WHERE starts_with(image_path, 'many/')", "writer")
    databases.query("source", "DELETE FROM cargo WHERE starts_with(image_path, 'many/') AND id % 10 = 0", "writer")
    digest = """SELECT count(*), md5(string_agg(concat(id, image_path, target), ',' ORDER BY id))
                  FROM cargo WHERE starts_with(image_path, 'many/')"""
    wanted = databases.query("source", digest)
    until(lambda: databases.query("target", digest) == wanted, "both sides are equal", 60)


def test_predictions_are_applied(connectors, databases, send):
    answer = Prediction(10**9, "predicted", 1, 0, 5, target=1, label="brick", confidence=0.5, model_version=1)
    send(PREDICTIONS_TOPIC, msgspec.json.encode(answer), msgspec.json.encode(answer))
    read = "SELECT redelivered FROM cargo_prediction_history WHERE source_id = 1000000000"
    until(lambda: [row["redelivered"] for row in databases.query("target", read)] == [1], "answer and repeat")


def test_ingest_goes_the_whole_way_and_bad_records_stop_nothing(connectors, databases, send):
    bad = [b"\xff\xfe", b"null", b"", None, b"[1]", b'{"ingest_key": "b", "image_path": "a", "target": "1"}',
           b'{"ingest_key": "b", "image_path": "\\u0000"}', b'{"ingest_key": "b"}', b"{" * 5000]
    good = b'{"ingest_key": "whole way", "image_path": "ingested.jpg", "target": 3}'
    send(INGEST_TOPIC, *bad, good, good)
    read = "SELECT count(*) AS rows FROM cargo WHERE ingest_key = 'whole way'"
    until(lambda: databases.query("target", read)[0]["rows"] == 1, "the ingested row is mirrored")
    refused = "SELECT payload FROM refused WHERE topic = :topic ORDER BY \"offset\""
    kept = [row["payload"] and bytes(row["payload"])
            for row in databases.query("source", refused, topic=INGEST_TOPIC)]
    assert kept == [value or None for value in bad] or kept == bad
    assert all(map(is_running, status(databases.settings)))


def test_garbage_on_the_source_topic_stops_nothing(connectors, databases, send, insert, mirrored):
    send(SOURCE_TOPIC, b"garbage", None, b'{"id": "x"}', b'{"image_path": "no id"}')
    refused = "SELECT sqlstate FROM refused WHERE topic = :topic"
    until(lambda: len(databases.query("target", refused, topic=SOURCE_TOPIC)) == 4, "four records are kept")
    identity = insert()
    until(lambda: mirrored(identity), "the next row is mirrored")


def test_a_changed_connector_is_told_and_mended(connectors, settings):
    path = f"{settings.connect_url}/connectors/{INGEST_CONNECTOR}/config"
    config = httpx.get(path).json() | {"batch.size": "7"}
    httpx.put(path, json=config).raise_for_status()
    (change,) = [change for change in plan(settings) if change.action != "keep"]
    assert (change.connector, change.action, change.settings) == (
        INGEST_CONNECTOR, "change", {"batch.size": ("7", "500")})
    apply(settings)
    assert httpx.get(path).json()["batch.size"] == "500"


def test_apply_resumes_what_was_stopped(connectors, settings):
    httpx.put(f"{settings.connect_url}/connectors/{SINK_CONNECTOR}/stop").raise_for_status()
    until(lambda: "STOPPED" in [each["state"] for each in status(settings)], "it stops")
    assert {change.action for change in apply(settings)} == {"keep"}
    assert all(map(is_running, status(settings)))


def test_apply_says_why_a_connector_does_not_run(connectors, settings):
    astray = settings.model_copy(update={"target_port": settings.controller_port + 1})
    with pytest.raises(CargostreamError, match=rf"{SINK_CONNECTOR} did not run within 6 s .*could not be reached"):
        apply(astray, deadline_s=6)


def test_no_connect_is_one_clear_sentence(settings):
    nowhere = load_settings(settings.home).model_copy(update={"connect_port": 1})
    with pytest.raises(Unavailable, match=r"Kafka Connect at http://127\.0\.0\.1:1 does not answer"):
        status(nowhere)


def test_no_password_leaves_the_secrets_folder(connectors, parts, settings):
    answers = httpx.get(f"{settings.connect_url}/connectors?expand=info&expand=status").text
    told = answers + (settings.home / "broker.log").read_text() + parts.source.log + parts.target.log
    for file in (settings.home / "secrets").glob("cargostream_*_password"):
        assert file.read_text() not in told, file.name
    assert "${file:" in answers


def test_connect_reads_no_file_beside_the_secrets(settings):
    config = {"connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "topics": INGEST_TOPIC,
              "connection.url": "${file:/etc/passwd:root}", "connection.username": "a", "connection.password": "b"}
    answer = httpx.put(f"{settings.connect_url}/connector-plugins/JdbcSinkConnector/config/validate",
                       json=config | {"name": "x"})
    assert "root:x" not in answer.text


def test_a_target_that_is_away_loses_nothing_and_needs_nobody(connectors, parts, settings, insert, mirrored):
    stop, memory = threading.Event(), {}

    def runner():
        while not stop.wait(0.5):
            heal_once(settings, memory)

    parts.target.stop()
    healer = threading.Thread(target=runner)
    try:
        identity = insert("while away.jpg")
        sink = until(lambda: next((each for each in status(settings) if each["name"] == SINK_CONNECTOR
                                   and not is_running(each)), None), "the sink's failure is told", 60)
        assert sink["cause"]
        healer.start()
        until(lambda: memory and memory[SINK_CONNECTOR].tries >= 3, "the sink is restarted again and again")
        assert not memory[SINK_CONNECTOR].told
    finally:
        parts.target.start()
    try:
        until(lambda: mirrored(identity), "the row arrives after all", 30)
        until(lambda: all(map(is_running, status(settings))), "all run again")
    finally:
        stop.set()
        healer.join()


def test_a_source_that_is_away_is_followed_again(connectors, parts, settings, insert, mirrored):
    memory = {}
    parts.source.stop()
    until(lambda: heal_once(settings, memory) is not None, "one round of healing while it is away")
    parts.source.start()
    identity = insert("after the source came back.jpg")

    def arrived():
        heal_once(settings, memory)
        return mirrored(identity)
    until(arrived, "the row arrives", 60)


def test_a_lost_slot_is_told_and_never_made_anew(connectors, databases, settings, insert, mirrored):
    """To go on would silently lose what was written meanwhile. The way back, a new snapshot, is somebody's decision."""
    slots = "SELECT slot_name, active_pid FROM pg_replication_slots"

    def dropped():
        databases.query("source", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots", "admin")
        (slot,) = databases.query("source", slots, "admin")
        if slot["active_pid"]:
            return False
        databases.query("source", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots", "admin")
        return True
    until(dropped, "the slot is dropped")
    identity = insert("in the gap.jpg")
    try:
        until(lambda: any("slot was lost" in (each["cause"] or "") for each in status(settings)), "it is told", 60)
        memory = {}
        until(lambda: heal_once(settings, memory), "it is restarted")
        until(lambda: any("slot was lost" in (each["cause"] or "") for each in status(settings)), "it fails again", 60)
        assert databases.query("source", slots) == []
    finally:
        connector = f"{settings.connect_url}/connectors/{SOURCE_CONNECTOR}"
        httpx.put(f"{connector}/stop").raise_for_status()
        until(lambda: httpx.delete(f"{connector}/offsets").is_success, "its offsets are forgotten")
        apply(settings)
    until(lambda: mirrored(identity), "the snapshot brings the row of the gap", 60)


def test_a_failure_that_is_not_for_want_of_a_database_becomes_loud(
        connectors, databases, settings, insert, mirrored, monkeypatch):
    monkeypatch.setattr(heal, "LOUD_AFTER", 2)
    databases.query("target", "REVOKE INSERT ON inbox FROM cargostream_sink", "admin")
    memory = {}
    try:
        identity = insert("no right to.jpg")
        sink = until(lambda: next((each for each in status(settings) if each["name"] == SINK_CONNECTOR
                                   and each["cause"]), None), "the sink fails", 60)
        assert sink["cause"] == "ERROR: permission denied for table inbox"

        def loud():
            heal_once(settings, memory)
            return memory and memory[SINK_CONNECTOR].told
        until(loud, "the alarm", 60)
    finally:
        databases.query("target", "GRANT INSERT ON inbox TO cargostream_sink", "admin")

    def arrived():
        heal_once(settings, memory)
        return mirrored(identity)
    until(arrived, "the row arrives once the right is back", 90)
    events = "SELECT severity, subject, detail FROM cargo_event WHERE kind = 'connector_failed'"
    (event,) = until(lambda: databases.query("target", events), "the alarm is in the table of events")
    assert (event["severity"], event["subject"]) == ("alarm", SINK_CONNECTOR)
    assert "permission denied" in event["detail"]


def test_deleted_connectors_go_on_where_they_stopped(connectors, settings, insert, mirrored, databases):
    before = insert("before.jpg")
    until(lambda: mirrored(before), "the row before is mirrored")
    assert sorted(delete(settings)) == sorted([SOURCE_CONNECTOR, SINK_CONNECTOR, INGEST_CONNECTOR])
    assert {each["state"] for each in status(settings)} == {"MISSING"}
    between = insert("between.jpg")
    slots = databases.query("source", "SELECT slot_name FROM pg_replication_slots")
    assert [slot["slot_name"] for slot in slots] == ["cargostream"]
    apply(settings)
    until(lambda: mirrored(between), "the row between is mirrored")


class TestCommand:
    def test_status(self, connectors, settings):
        done = command(settings, "status", "--json")
        assert done.returncode == 0
        assert [each["state"] for each in json.loads(done.stdout)] == ["RUNNING"] * 3

    def test_status_of_what_does_not_run(self, settings):
        delete(settings)
        done = command(settings, "status")
        assert done.returncode == 3
        assert "postgres-source-connector: MISSING" in done.stdout

    def test_plan_and_apply(self, settings):
        delete(settings)
        planned = command(settings, "plan", "--json")
        assert {change["action"] for change in json.loads(planned.stdout)} == {"create"}
        assert "password" not in planned.stderr
        applied = command(settings, "apply")
        assert applied.returncode == 0
        assert "create  postgres-sink-connector: RUNNING" in applied.stdout

    def test_heal_with_nothing_to_do(self, connectors, settings):
        done = command(settings, "heal", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, [])

    def test_delete_asks(self, connectors, settings):
        assert command(settings, "delete").returncode != 0
        assert all(map(is_running, status(settings)))


class TestTopics:
    def test_made_once(self, settings):
        first = ensure_topics(settings)
        assert ensure_topics(settings) == first
        assert json.loads((settings.home / "run" / "topics.json").read_text()) == first
        assert {topic["epoch"] for topic in first.values()} == {1}

    @pytest.fixture
    def admin(self, settings):
        return AdminClient({"bootstrap.servers": settings.bootstrap})

    @pytest.fixture
    def drop(self, admin, settings):
        """Delete a topic and wait until it is gone. Its readers are stopped, as they would be."""
        def topic(name):
            delete(settings)
            admin.delete_topics([name])[name].result(30)
            until(lambda: name not in admin.list_topics(timeout=5).topics, "the topic is gone")
        return topic

    def test_a_topic_made_anew_starts_an_epoch(self, settings, databases, drop, connectors):
        before = ensure_topics(settings)
        drop(EVENTS_TOPIC)
        after = ensure_topics(settings)
        assert after[EVENTS_TOPIC]["epoch"] == before[EVENTS_TOPIC]["epoch"] + 1
        assert after[EVENTS_TOPIC]["id"] != before[EVENTS_TOPIC]["id"]
        assert {name: after[name] for name in before if name != EVENTS_TOPIC} == \
            {name: before[name] for name in before if name != EVENTS_TOPIC}
        apply(settings)

    def test_a_wrong_number_of_partitions_is_refused(self, settings, admin, drop):
        drop(EVENTS_TOPIC)
        admin.create_topics([NewTopic(EVENTS_TOPIC, 3, 1)])[EVENTS_TOPIC].result(30)
        with pytest.raises(CargostreamError, match="cargo-events has 3 partitions where 8 are the contract"):
            until(lambda: ensure_topics(settings), "refused")
        drop(EVENTS_TOPIC)
        ensure_topics(settings)
        apply(settings)

    def test_no_broker(self, settings):
        nowhere = load_settings(settings.home).model_copy(update={"kafka_port": 1})
        with pytest.raises(CargostreamError, match="could not be made on the broker"):
            ensure_topics(nowhere, deadline_s=2)


