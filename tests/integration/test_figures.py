"""Status, run reports and the live view's figures against real databases, fed as the sinks feed them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from support.postgres import running_postgres
from support.settings import settings_for

from cargostream.database import engine
from cargostream.errors import Unavailable
from cargostream.records import PREDICTIONS_TOPIC, SOURCE_TOPIC
from connectors.schema import apply_schema
from dashboards.live import Figures, read_figures
from operations.flowing import wait_until_flowing
from operations.rows import count
from operations.run import newest_id, report
from operations.status import read_data

LABELS = ("background", "brick", "concrete", "ground", "wood")
LATENCY = timedelta(milliseconds=50)


class Pipeline:
    """Both databases, and what would be between them, done by hand."""

    def __init__(self, settings):
        self.settings = settings
        self.source = engine(settings, "source", "dashboard")
        self.target = engine(settings, "target", "dashboard")
        self._writer = engine(settings, "source", "writer")
        self._sink = engine(settings, "target", "sink")
        self._offset = 0

    def insert(self, run, number):
        with self._writer.begin() as connection:
            return list(connection.execute(text(
                "INSERT INTO cargo (image_path, target, ingest_key) SELECT 'a.jpg', n % 5, :run || ':' || n "
                "FROM generate_series(0, :number - 1) AS n RETURNING id"), {"run": run, "number": number}).scalars())

    def delete(self, identity):
        with self._writer.begin() as connection:
            connection.execute(text("DELETE FROM cargo WHERE id = :id"), {"id": identity})

    def deliver(self, topic, record):
        self._offset += 1
        with self._sink.begin() as connection:
            connection.execute(text("INSERT INTO inbox VALUES (:topic, 0, :offset, :payload)"), {
                "topic": topic, "offset": self._offset, "payload": json.dumps(record).encode()})

    def mirror(self, identity, target):
        self.deliver(SOURCE_TOPIC, {"id": identity, "image_path": "a.jpg", "target": target, "__deleted": "false",
                                    "timestamp": datetime.now(UTC).isoformat(), "__source_ts_ms": 1})

    def answer(self, identity, predicted, **changes):
        self.deliver(PREDICTIONS_TOPIC, {
            "source_id": identity, "status": "predicted", "source_epoch": 1, "source_partition": 0,
            "source_offset": identity, "attempt": 0, "purpose": "current", "image_path": "a.jpg", "target": predicted,
            "label": LABELS[predicted], "confidence": 0.9, "model_name": "cargo-ground", "model_version": 7,
            "engine": "test", "committed_at": (datetime.now(UTC) - LATENCY).isoformat()} | changes)

    def reject(self, identity):
        self.answer(identity, 0, status="rejected", error_code="empty_file", target=None, label=None, confidence=None)

    def close(self):
        for one in (self.source, self.target, self._writer, self._sink):
            one.dispose()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with running_postgres() as server:
        settings = settings_for(tmp_path_factory.mktemp("home"), server.password, source_port=server.port,
                                target_port=server.port, kafka_port=9, worker_port=9)
        apply_schema(settings)
        admin = engine(settings, "target", "admin")
        with admin.begin() as connection:
            connection.execute(text("INSERT INTO topic_epoch (topic, topic_id) VALUES (:topic, 'x')"),
                               {"topic": SOURCE_TOPIC})
        admin.dispose()
        yield settings


@pytest.fixture
def pipeline(settings):
    pipeline = Pipeline(settings)
    yield pipeline
    pipeline.close()


def test_a_run_is_judged_by_its_own_rows(pipeline):
    since = newest_id(pipeline.source)
    pipeline.insert("other", 3)
    ids = pipeline.insert("mine", 10)
    for number, identity in enumerate(ids):
        pipeline.mirror(identity, number % 5)
        if number < 8:
            pipeline.answer(identity, number % 5 if number else 4)
    pipeline.reject(ids[8])
    found = report(pipeline.source, pipeline.target, "mine", since)
    assert (found.rows, found.predicted, found.rejected, found.missing) == (10, 8, 1, 1)
    assert (found.phantom, found.conflicts, found.redelivered, found.model_version) == (0, 0, 0, 7)
    assert found.accuracy == 7 / 8
    assert 50 <= found.p50_ms <= found.p99_ms < 5000
    assert found.first_stored_at == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    assert not found.sound


def test_repeats_and_conflicts_are_counted(pipeline):
    since = newest_id(pipeline.source)
    one, two = pipeline.insert("repeats", 2)
    for target in (1, 1, 1):
        pipeline.answer(one, target)
    for target in (1, 2):
        pipeline.answer(two, target)
    found = report(pipeline.source, pipeline.target, "repeats", since)
    assert (found.redelivered, found.conflicts, found.missing) == (2, 1, 0)
    assert not found.sound


def test_an_answer_without_a_row_is_a_phantom(pipeline):
    since = newest_id(pipeline.source)
    ids = pipeline.insert("phantom", 2)
    for identity in ids:
        pipeline.answer(identity, 0)
    assert report(pipeline.source, pipeline.target, "phantom", since).sound
    pipeline.delete(ids[0])
    found = report(pipeline.source, pipeline.target, "phantom", since)
    assert (found.rows, found.phantom, found.missing) == (1, 1, 0)


def test_a_run_of_no_rows_has_no_figures(pipeline):
    found = report(pipeline.source, pipeline.target, "nobody", newest_id(pipeline.source))
    assert (found.rows, found.p50_ms, found.accuracy, found.model_version) == (0, None, None, None)


def test_the_live_view_reads_what_is_there(pipeline):
    since = newest_id(pipeline.source)
    ids = pipeline.insert("live", 5)
    for identity in ids[:3]:
        pipeline.mirror(identity, 3)
        pipeline.answer(identity, 3)
    pipeline.reject(ids[3])
    figures = read_figures(pipeline.source, pipeline.target, since)
    assert (figures.rows_in, figures.predicted, figures.rejected, figures.waiting) == (5, 3, 1, 1)
    assert (figures.model_name, figures.model_version) == ("cargo-ground", 7)
    assert figures.p50_ms >= 50
    assert 0 < figures.accuracy <= 1
    assert dict(figures.class_mix)["ground"] >= 3


def test_a_database_that_is_away_leaves_its_figures_out(pipeline, settings):
    away = engine(settings.model_copy(update={"target_port": 9}), "target", "dashboard")
    figures = read_figures(pipeline.source, away, 0)
    assert figures.rows_in is not None
    assert figures == Figures(rows_in=figures.rows_in)


def test_status_counts_what_waits_at_each_stage(pipeline, settings):
    before = read_data(settings).rows
    ids = pipeline.insert("stages", 4)
    for identity in ids[:3]:
        pipeline.mirror(identity, 0)
    pipeline.answer(ids[0], 0)
    rows = read_data(settings).rows
    assert rows.source.rows - before.source.rows == 4
    assert rows.unmirrored - before.unmirrored == 1
    assert rows.unanswered - before.unanswered == 3
    assert rows.oldest_s >= 0


def test_status_tells_refused_records_and_what_cannot_be_read(pipeline, settings):
    pipeline.deliver(PREDICTIONS_TOPIC, {"source_id": "one"})
    data = read_data(settings)
    refused = [row for row in data.refused if row["topic"] == PREDICTIONS_TOPIC]
    assert refused[0]["records"] == 1
    assert "bigint" in refused[0]["reason"]
    assert data.topics is None
    assert "topics" in data.unreadable
    assert [worker.ready for worker in data.workers] == [False]


def test_a_count_that_takes_too_long_gives_way_to_an_estimate(settings):
    """Another session's lock stands in for a table too large to count."""
    admin = engine(settings, "source", "admin")
    with admin.begin() as connection:
        connection.execute(text("LOCK TABLE cargo IN ACCESS EXCLUSIVE MODE"))
        reader = engine(settings, "source", "dashboard")
        assert not count(reader, "count_rows", "cargo").exact
        reader.dispose()
    admin.dispose()


def test_rows_do_not_flow_while_nobody_reads_the_slot(settings):
    with pytest.raises(Unavailable, match="replication slot"):
        wait_until_flowing(settings, deadline_s=0.2)
