"""Connect runs what the files say, whatever it ran before, and tells no secret."""


import httpx
import pytest

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import (
    INGEST_CONNECTOR,
    INGEST_TOPIC,
    SINK_CONNECTOR,
    SOURCE_CONNECTOR,
)
from cargostream.settings import load_settings
from connectors.apply import apply, delete, plan
from connectors.status import is_running, status
from tests.support.connect import until


def test_apply_brings_everything_up_and_then_finds_nothing_to_do(settings):
    delete(settings)
    assert {change.action for change in plan(settings)} == {"create"}
    assert {change.action for change in apply(settings)} == {"create"}
    assert {change.action for change in plan(settings)} == {"keep"}
    assert {change.action for change in apply(settings)} == {"keep"}
    assert all(map(is_running, status(settings)))


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
