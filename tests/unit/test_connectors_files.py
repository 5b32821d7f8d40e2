"""Connector files and what is read from Connect, without Connect."""

import json
import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import INGEST_CONNECTOR, SINK_CONNECTOR, SOURCE_CONNECTOR
from cargostream.settings import load_settings
from compose.kafka import OVERRIDES
from connectors.desired import CONNECTORS, desired
from connectors.rest import answer
from connectors.status import cause, has_failed, is_running


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path).model_copy(update={"source_port": 1111, "target_port": 2222})


def test_one_file_a_connector():
    assert {file.name for file in files("connectors.files").iterdir()} == {f"{name}.json" for name in CONNECTORS}


def test_passwords_are_references_into_the_secrets_folder(settings):
    for config in desired(settings).values():
        for key, value in config.items():
            if "password" in key:
                assert re.fullmatch(rf"\$\{{file:{settings.home}/secrets/connect\.properties:\w+\.password\}}", value)
            else:
                assert "${" not in value


def test_addresses_come_from_the_settings(settings):
    configs = desired(settings)
    assert configs[SOURCE_CONNECTOR]["database.port"] == "1111"
    assert ":2222/cargostream_target" in configs[SINK_CONNECTOR]["connection.url"]
    assert ":1111/cargostream_source" in configs[INGEST_CONNECTOR]["connection.url"]
    assert "@{" not in json.dumps(configs)


def test_a_home_with_signs_of_the_template_language(settings):
    config = desired(settings.model_copy(update={"home": Path("/home/a@b/$1")}))[SOURCE_CONNECTOR]
    assert config["database.password"] == "${file:/home/a@b/$1/secrets/connect.properties:capture.password}"


def test_connect_allows_every_override_that_is_used(settings):
    used = {key for config in desired(settings).values() for key in config if ".override." in key}
    assert used <= set(OVERRIDES)


def test_sinks_differ_in_where_from_and_where_to_only(settings):
    sink, ingest = desired(settings)[SINK_CONNECTOR], desired(settings)[INGEST_CONNECTOR]
    assert {key for key in sink if sink[key] != ingest.get(key)} == {"topics", "tasks.max", "connection.url"}
    assert sink.keys() == ingest.keys()


def test_a_row_ends_the_wait_for_rows(settings):
    """Debezium waits until a batch is full or the interval is over; one row fills a batch of one. That leaves the
    interval to the reader of the log, which naps so long when nothing comes: fewer naps, little more latency."""
    source = desired(settings)[SOURCE_CONNECTOR]
    assert source["max.batch.size"] == "1"
    assert 20 <= int(source["poll.interval.ms"]) <= 60


def test_the_page_of_a_connect_that_is_only_starting_is_no_refusal():
    request = httpx.Request("GET", "http://127.0.0.1/connectors")
    with pytest.raises(Unavailable, match="only starting"):
        answer(httpx.Response(404, html="<h2>HTTP ERROR 404 Not Found</h2>", request=request))
    with pytest.raises(CargostreamError, match="refused GET /connectors: no such connector") as refusal:
        answer(httpx.Response(404, json={"error_code": 404, "message": "no such connector"}, request=request))
    assert not isinstance(refusal.value, Unavailable)


TRACE = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:643)
Caused by: java.lang.RuntimeException: could not execute batch
\t... 12 more
Caused by: org.postgresql.util.PSQLException: ERROR: permission denied for table inbox
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2734)
\t... 14 more
"""


@pytest.mark.parametrize(("trace", "words"), [
    (TRACE, "ERROR: permission denied for table inbox"),
    ("java.net.ConnectException: Connection refused\n\tat a.b", "Connection refused"),
    ("a.B: x\nCaused by: c.D: Unable to determine Dialect without JDBC metadata (please …)",
     "the database could not be reached, or refused the login"),
    ("", None),
    (None, None),
])
def test_the_cause_in_a_trace(trace, words):
    assert cause(trace) == words


def connector(state, *tasks):
    return {"name": "c", "state": state, "tasks": [{"id": n, "state": each} for n, each in enumerate(tasks)]}


@pytest.mark.parametrize(("found", "runs", "failed"), [
    (connector("RUNNING", "RUNNING", "RUNNING"), True, False),
    (connector("RUNNING"), False, False),
    (connector("RUNNING", "RUNNING", "FAILED"), False, True),
    (connector("RUNNING", "UNASSIGNED"), False, False),
    (connector("FAILED", "RUNNING"), False, True),
    (connector("MISSING"), False, False),
])
def test_when_a_connector_runs(found, runs, failed):
    assert (is_running(found), has_failed(found)) == (runs, failed)
