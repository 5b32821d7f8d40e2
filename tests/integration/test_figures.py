"""Status, run reports and the live view's figures against real databases, fed as the sinks feed them."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

import operations.rows
from cargostream.cli import watch as watching
from cargostream.database import engine
from cargostream.errors import Unavailable
from cargostream.records import PREDICTIONS_TOPIC, SOURCE_TOPIC
from connectors.schema import apply_schema
from dashboards import live
from dashboards.live import Figures, Settled, read_figures
from operations.flowing import wait_until_flowing
from operations.rows import Snapshot, count, read_rows
from operations.run import newest_id, report
from operations.status import read_data
from tests.support.postgres import running_postgres
from tests.support.settings import settings_for

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

    def deliver(self, topic, record, partition=0, offset=None):
        self._offset += 1
        with self._sink.begin() as connection:
            connection.execute(text("INSERT INTO inbox VALUES (:topic, :partition, :offset, :payload)"), {
                "topic": topic, "partition": partition, "offset": self._offset if offset is None else offset,
                "payload": json.dumps(record).encode()})

    def mirror(self, identity, target, partition=0, **changes):
        self.deliver(SOURCE_TOPIC, {
            "id": identity, "image_path": "a.jpg", "target": target, "__deleted": "false",
            "timestamp": datetime.now(UTC).isoformat(), "__source_ts_ms": 1} | changes, partition, offset=identity)

    def answer(self, identity, predicted, **changes):
        self.deliver(PREDICTIONS_TOPIC, {
            "source_id": identity, "status": "predicted", "source_epoch": 1, "source_partition": 0,
            "source_offset": identity, "attempt": 0, "purpose": "current", "image_path": "a.jpg", "target": predicted,
            "label": LABELS[predicted], "confidence": 0.9, "model_name": "cargo-ground", "model_version": 7,
            "engine": "test", "committed_at": (datetime.now(UTC) - LATENCY).isoformat()} | changes)

    def reject(self, identity):
        self.answer(identity, 0, status="rejected", error_code="empty_file", target=None, label=None, confidence=None)

    @contextmanager
    def ago(self, seconds, identities=None):
        """Mirrored rows and answers of these ids (None: of all) are older for a while."""
        if identities is None:
            with self.target.connect() as connection:
                identities = list(connection.execute(text("SELECT id FROM cargo")).scalars())
        self._age(seconds, identities)
        yield
        self._age(-seconds, identities)

    def _age(self, seconds, identities):
        admin = engine(self.settings, "target", "admin")
        with admin.begin() as connection:
            for table, key in (("cargo", "id"), ("cargo_prediction", "source_id")):
                connection.execute(text(
                    f"UPDATE {table} SET stored_at = stored_at - make_interval(secs => :seconds) "  # noqa: S608
                    f"WHERE {key} = ANY(:ids)"), {"seconds": seconds, "ids": identities})
        admin.dispose()

    def reopen(self):
        self._sink.dispose()

    def close(self):
        for one in (self.source, self.target, self._writer, self._sink):
            one.dispose()


@pytest.fixture(scope="module")
def server():
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def settings(server, tmp_path_factory):
    settings = settings_for(tmp_path_factory.mktemp("home"), server.password, source_port=server.port,
                            target_port=server.port, kafka_port=9, worker_port=9)
    apply_schema(settings)
    admin = engine(settings, "target", "admin")
    with admin.begin() as connection:
        connection.execute(text("INSERT INTO topic_epoch (topic, topic_id) VALUES (:topic, 'x')"),
                           {"topic": SOURCE_TOPIC})
    admin.dispose()
    return settings


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
    figures, _ = read_figures(pipeline.source, pipeline.target, since, Settled(since))
    assert (figures.rows_in, figures.predicted, figures.rejected, figures.waiting) == (5, 3, 1, 1)
    assert (figures.model_name, figures.model_version) == ("cargo-ground", 7)
    assert figures.p50_ms >= 50
    assert figures.accuracy == 1
    assert figures.class_mix == (("ground", 3),)


def test_the_live_view_is_about_the_rows_of_this_demo_only(pipeline):
    before, mine = pipeline.insert("before", 2), pipeline.insert("this", 1)
    pipeline.mirror(before[0], 1)
    pipeline.answer(before[0], 4)
    empty, _ = read_figures(pipeline.source, pipeline.target, before[1], Settled(before[1]))
    assert empty == Figures(rows_in=1, predicted=0, rejected=0)
    pipeline.mirror(mine[0], 2)
    pipeline.answer(mine[0], 2)
    assert read_figures(pipeline.source, pipeline.target, before[1], Settled(before[1]))[0].accuracy == 1


def test_rows_that_have_their_answers_are_counted_once(pipeline, monkeypatch):
    monkeypatch.setattr(live, "LOT", 4)
    since = newest_id(pipeline.source)
    ids = pipeline.insert("settle", 20)
    for identity in (*ids[:5], *ids[6:18]):
        pipeline.answer(identity, 3)
    settled, seen = Settled(since), []
    for _ in range(4):
        figures, settled = read_figures(pipeline.source, pipeline.target, since, settled)
        seen.append((figures.rows_in, figures.predicted, figures.rejected, settled.until - since))
    assert seen == [(20, 17, 0, 4)] * 4  # the sixth row waits
    pipeline.reject(ids[5])
    for _ in range(4):
        figures, settled = read_figures(pipeline.source, pipeline.target, since, settled)
    assert (figures.rows_in, figures.predicted, figures.rejected) == (20, 17, 1)
    assert settled == Settled(since + 12, 12, 11, 1)


def test_a_database_that_is_away_leaves_its_figures_out(pipeline, settings):
    away = engine(settings.model_copy(update={"target_port": 9}), "target", "dashboard")
    figures, _ = read_figures(pipeline.source, away, 0, Settled(0))
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


@pytest.mark.parametrize("event_time", ["1990-01-01T00:00:00Z", "2090-01-01T00:00:00Z"])
def test_how_long_a_row_waits_does_not_depend_on_its_own_time(pipeline, event_time):
    (identity,) = pipeline.insert(event_time[:4], 1)
    pipeline.mirror(identity, 0, partition=3, timestamp=event_time)
    found = read_rows(pipeline.source, pipeline.target)
    (partition,) = [one for one in found.partitions if one.partition == 3]
    assert 0 <= partition.idle_s < 30
    assert 0 <= found.oldest_s < 300
    with pipeline.ago(100, [identity]):
        (partition,) = [one for one in read_rows(pipeline.source, pipeline.target).partitions if one.partition == 3]
        assert 100 <= partition.idle_s < 130
    pipeline.reject(identity)


def test_a_partition_stands_by_what_is_before_its_first_row_that_waits(pipeline):
    first, stuck, later = pipeline.insert("partitions", 3)
    for identity in (first, stuck, later):
        pipeline.mirror(identity, 0, partition=5)

    def idle():
        (found,) = [one for one in read_rows(pipeline.source, pipeline.target).partitions if one.partition == 5]
        return found.rows, round(found.idle_s, -2)

    with pipeline.ago(200, [stuck, later]):
        assert idle() == (3, 0)  # the first came just now
        pipeline.answer(first, 0, source_partition=5)
        assert idle() == (2, 0)  # it goes on, however long the rest waits
        with pipeline.ago(100, [first]):
            assert idle() == (2, 100)
            pipeline.answer(later, 0, source_partition=5)
            assert idle() == (1, 100)  # passed over
    pipeline.answer(stuck, 0, source_partition=5)


def test_a_mirror_stands_if_a_second_look_finds_no_row_nearer(pipeline, monkeypatch):
    monkeypatch.setattr(operations.rows, "LOOK_AGAIN_S", 0.05)
    late, other = pipeline.insert("unmirrored", 2)
    with pipeline.ago(3600):
        assert read_rows(pipeline.source, pipeline.target).mirror_stands
        monkeypatch.setattr(operations.rows.time, "sleep", lambda _: pipeline.mirror(late, 0))
        assert not read_rows(pipeline.source, pipeline.target).mirror_stands
    pipeline.reject(late)
    pipeline.mirror(other, 0)
    pipeline.reject(other)


def test_rows_from_before_the_first_start_have_their_progress_shown(pipeline, settings):
    ids = list(range(-10, 0))  # the first of the table, whichever test comes first
    admin = engine(settings, "source", "admin")
    with admin.begin() as connection:
        connection.execute(text("INSERT INTO cargo (id, image_path) "
                                "SELECT id, 'a.jpg' FROM unnest(CAST(:ids AS bigint[])) AS given(id)"), {"ids": ids})
    admin.dispose()
    for identity in ids[:6]:
        pipeline.mirror(identity, 0, __source_lsn=77)
    for identity in ids[:3]:
        pipeline.answer(identity, 0)
    found = read_rows(pipeline.source, pipeline.target)
    assert found.snapshot == Snapshot(found.source.rows, found.mirrored.rows, found.answered.rows)
    for identity in ids[6:]:
        pipeline.mirror(identity, 0, __source_lsn=77)
    (later,) = pipeline.insert("after-the-snapshot", 1)
    pipeline.mirror(later, 0, __source_lsn=78)
    assert read_rows(pipeline.source, pipeline.target).snapshot == Snapshot(rows=10, mirrored=10, answered=3)
    for identity in ids[3:]:
        pipeline.answer(identity, 0)
    assert read_rows(pipeline.source, pipeline.target).snapshot is None


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


def watched(pipeline, run, since, hook=lambda: None):
    return watching.watch(pipeline.source, pipeline.target, watching.Run(run, since), {}, lambda: hook() or False,
                          lambda: True)


@pytest.mark.timeout(60)
def test_a_phantom_that_balances_a_missing_row_ends_the_watch(pipeline, monkeypatch):
    monkeypatch.setattr(watching, "STALLED_S", 0.3)
    monkeypatch.setattr(watching, "EVERY_S", 0.01)
    since = newest_id(pipeline.source)
    gone, _ = pipeline.insert("balance", 2)
    pipeline.answer(gone, 0)
    pipeline.delete(gone)
    found = watched(pipeline, "balance", since)
    assert (found.missing, found.phantom) == (1, 1)


@pytest.mark.timeout(120)
def test_a_target_that_comes_back_in_time_is_waited_for(pipeline, server, monkeypatch):
    monkeypatch.setattr(watching, "STALLED_S", 30)
    monkeypatch.setattr(watching, "EVERY_S", 0.01)
    since = newest_id(pipeline.source)
    (identity,) = pipeline.insert("restart", 1)
    looks = []

    def hook():
        looks.append(1)
        if len(looks) == 3:
            server.stop()
        if len(looks) == 6:
            server.start()
            pipeline.reopen()
            pipeline.answer(identity, 0)

    assert watched(pipeline, "restart", since, hook).sound
    assert len(looks) >= 6
