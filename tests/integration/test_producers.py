"""Rows into a real Postgres that goes away and comes back."""

import itertools
import threading
import time

import pytest
from psycopg2 import OperationalError
from sqlalchemy import text

from cargostream.database import engine
from cargostream.errors import CargostreamError
from connectors.schema import apply_schema
from producers.late_labels import LateLabels
from producers.produce import produce
from producers.rows import ListedImage, Row, plan
from producers.schedule import due_times
from producers.sql_writer import SqlWriter
from tests.support.postgres import running_postgres
from tests.support.settings import settings_for

IMAGES = [ListedImage(f"stream/wood/wood_{n}.jpg", n % 5, f"{n:064x}") for n in range(50)]


@pytest.fixture(scope="module")
def server():
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def settings(server, tmp_path_factory):
    settings = settings_for(tmp_path_factory.mktemp("home"), server.password,
                            source_port=server.port, target_port=server.port)
    apply_schema(settings)
    return settings


@pytest.fixture
def told():
    return []


@pytest.fixture
def writer(settings, told):
    writer = SqlWriter(engine(settings, "source", "writer"), 30, threading.Event(), told.append)
    yield writer
    writer.close()


@pytest.fixture
def stored(settings):
    reader = engine(settings, "source", "dashboard")

    def rows(run):
        with reader.connect() as connection:
            return list(connection.execute(text(
                "SELECT ingest_key, image_path, target, sha256 FROM cargo WHERE starts_with(ingest_key, :run) "
                "ORDER BY id"), {"run": f"{run}:"}))

    yield rows
    reader.dispose()


def run(name, writer, *, limit, rate=0.0, batch=1, progress=lambda *_: None):
    return produce(name, plan(name, IMAGES, 1, {"good": 1.0}, {}), due_times(rate), writer, limit=limit, batch=batch,
                   stop=threading.Event(), progress=progress)


def drawn(name, limit):
    rows = itertools.islice(plan(name, IMAGES, 1, {"good": 1.0}, {}), limit)
    return [(row.ingest_key, row.image_path, row.target, row.sha256) for row in rows]


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_rows_are_stored_as_drawn_and_in_order(writer, stored, batch):
    name = f"plain-{batch}"
    run(name, writer, limit=30, batch=batch)
    assert stored(name) == drawn(name, 30)


def test_a_run_that_is_repeated_adds_only_what_is_not_there(writer, stored):
    run("again", writer, limit=10)
    run("again", writer, limit=15, batch=5)
    assert stored("again") == drawn("again", 15)


def test_rows_without_target_or_digest_are_rows_too(writer, stored):
    writer.write([Row("bare:0", "good", "a.jpg", None, None), Row("bare:1", "good", "b.jpg", 1, None)])
    assert stored("bare") == [("bare:0", "a.jpg", None, None), ("bare:1", "b.jpg", 1, None)]


def test_a_restart_of_the_server_costs_time_and_no_row(server, writer, stored, told):
    def crash(written, _):
        if written == 50:
            server.stop()
            threading.Timer(1.0, server.start).start()

    summary = run("restart", writer, limit=150, rate=100, progress=crash)
    assert stored("restart") == drawn("restart", 150)
    assert summary.retries > 0
    assert summary.late_s > 0.5
    assert len(told) == 1
    assert str(server.port) in told[0]


def test_a_lost_answer_to_a_commit_leaves_one_row(settings, stored, monkeypatch):
    """The first transaction is committed, but its connection breaks before the writer is told."""
    source, commits = engine(settings, "source", "writer"), []

    def commit(connection):
        connection.commit()
        commits.append(connection)
        if len(commits) == 1:
            connection.close()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(source.dialect, "do_commit", commit)
    writer = SqlWriter(source, 30, threading.Event(), lambda _: None)
    writer.write([Row("lost:0", "good", "a.jpg", 1, None)])
    writer.close()
    assert (len(commits), writer.retries) == (2, 1)
    assert [row.ingest_key for row in stored("lost")] == ["lost:0"]


def test_a_server_that_was_never_there_is_not_waited_for(settings):
    absent = settings.model_copy(update={"source_port": 9})
    writer = SqlWriter(engine(absent, "source", "writer"), 60, threading.Event(), lambda _: None)
    start = time.monotonic()
    with pytest.raises(CargostreamError, match=r"127\.0\.0\.1:9 .*cargostream up"):
        writer.write([Row("x:0", "good", "a.jpg", 1, None)])
    assert time.monotonic() - start < 10


def test_rows_that_the_table_refuses_are_not_tried_again(writer):
    with pytest.raises(CargostreamError, match=r"refused the rows.*class_is_known"):
        writer.write([Row("nine:0", "good", "a.jpg", 9, None)])
    assert writer.retries == 0


def test_the_patience_has_an_end(server, settings, stored):
    writer = SqlWriter(engine(settings, "source", "writer"), 0.5, threading.Event(), lambda _: None)
    writer.write([Row("patience:0", "good", "a.jpg", 1, None)])
    server.stop()
    try:
        with pytest.raises(CargostreamError, match="cannot be reached"):
            writer.write([Row("patience:1", "good", "a.jpg", 1, None)])
    finally:
        server.start()
        writer.close()
    assert [row.ingest_key for row in stored("patience")] == ["patience:0"]


def test_labels_that_come_late_are_updates(writer, stored):
    late = LateLabels(writer, 0.2, time.monotonic)
    run("late", late, limit=10)
    assert [row.target for row in stored("late")] == [None] * 10
    late.settle(threading.Event())
    assert stored("late") == drawn("late", 10)
