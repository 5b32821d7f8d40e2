"""The guards in the target: records in the wrong order, twice, late, and after a deletion."""

import json
import threading

import msgspec
import pytest
from sqlalchemy import text
from support.databases import INSERT

from cargostream.records import EVENTS_TOPIC, PREDICTIONS_TOPIC, SOURCE_TOPIC, Event, Prediction
from connectors.retention import forget_old_history

GOOD = Prediction(
    source_id=0, status="predicted", source_epoch=1, source_partition=0, source_offset=0,
    timestamp="2026-11-21T10:00:00.123456Z", image_path="stream/brick/1.jpg", target=1, label="brick", confidence=0.75,
    probabilities=[0.05, 0.75, 0.1, 0.05, 0.05], model_name="cargo-ground", model_version=3, engine="onnxruntime-fp32",
    image_sha256="a" * 64, brightness=0.5, contrast=0.25, sharpness=0.125, saturated=0.0, source_lsn=77,
    committed_at="2026-11-21T10:00:00.200Z", received_at="2026-11-21T10:00:00.3Z",
    predicted_at="2026-11-21T10:00:00.4Z")


@pytest.fixture
def source_id(databases):
    return databases.next()


@pytest.fixture
def answer(databases, source_id):
    """Deliver an answer for this test's id."""
    def deliver(offset, **changes):
        record = msgspec.structs.replace(GOOD, source_id=source_id, source_offset=offset, **changes)
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(record))
    return deliver


@pytest.fixture
def delete(databases, source_id):
    def deliver(offset, **changes):
        record = Prediction(source_id, "deleted", **({"source_epoch": 1, "source_partition": 0} | changes),
                            source_offset=offset)
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(record))
    return deliver


@pytest.fixture
def current(databases, source_id):
    """The current answer as (label, offset, attempt), or None."""
    def read():
        rows = databases.query("target", "SELECT label, source_offset, attempt FROM cargo_prediction "
                                         "WHERE source_id = :id", id=source_id)
        return tuple(rows[0].values()) if rows else None
    return read


@pytest.fixture
def history(databases, source_id):
    """Every answer kept as (label, offset, attempt, version, redelivered, conflicts), in order."""
    def read():
        rows = databases.query(
            "target", "SELECT label, source_offset, attempt, model_version, redelivered, conflicts "
            "FROM cargo_prediction_history WHERE source_id = :id ORDER BY source_epoch, 2, 3, 4", id=source_id)
        return [tuple(row.values()) for row in rows]
    return read


@pytest.fixture
def refused(databases):
    def read(topic, offset, server="target"):
        return databases.query(server, 'SELECT sqlstate, reason, payload FROM refused '
                                       'WHERE topic = :topic AND "offset" = :offset', topic=topic, offset=offset)
    return read


def test_every_field_arrives(databases, answer, source_id):
    answer(10)
    (row,) = databases.query("target", "SELECT * FROM cargo_prediction WHERE source_id = :id", id=source_id)
    sent = msgspec.structs.asdict(msgspec.structs.replace(GOOD, source_id=source_id, source_offset=10))
    for name in sent.keys() - {"purpose", "timestamp", "committed_at", "received_at", "predicted_at"}:
        assert row[name] == pytest.approx(sent[name]), name
    assert row["timestamp"].isoformat() == "2026-11-21T10:00:00.123456+00:00"
    assert row["committed_at"].microsecond == 200_000
    assert row["stored_at"] is not None


def test_an_older_record_leaves_the_answer_alone_but_enters_the_history(answer, current, history):
    answer(20, label="wood")
    answer(10)
    assert current() == ("wood", 20, 0)
    assert history() == [("brick", 10, 0, 3, 0, 0), ("wood", 20, 0, 3, 0, 0)]


def test_a_newer_record_replaces_the_answer(answer, current):
    answer(10)
    answer(20, label="wood")
    assert current() == ("wood", 20, 0)


def test_at_a_tie_the_first_stands_and_the_conflict_is_counted(answer, current, history):
    answer(10)
    answer(10, label="wood", target=4)
    assert current() == ("brick", 10, 0)
    assert history() == [("brick", 10, 0, 3, 0, 1)]


@pytest.mark.parametrize("difference", [{"label": "wood"}, {"image_sha256": "b" * 64},
                                        {"status": "rejected", "error_code": "corrupt_image"}])
def test_what_makes_a_conflict(answer, history, difference):
    answer(10)
    answer(10, **difference)
    assert history()[0][-2:] == (0, 1)


def test_repeats_that_agree_are_counted(answer, history):
    for confidence in (0.75, 0.75, 0.7500001):
        answer(10, confidence=confidence)
    assert history() == [("brick", 10, 0, 3, 2, 0)]


def test_another_engine_may_differ_without_conflict(answer, history):
    answer(10)
    answer(10, label="wood", engine="openvino-bf16")
    assert history() == [("brick", 10, 0, 3, 0, 0)]


def test_a_later_attempt_replaces_and_an_earlier_one_does_not(answer, current):
    answer(10, status="rejected", label=None, error_code="file_not_found")
    answer(10, attempt=2, label="wood")
    answer(10, attempt=1, label="ground")
    assert current() == ("wood", 10, 2)


def test_a_later_attempt_for_an_older_record_stays_out(answer, current):
    answer(20)
    answer(10, attempt=5, label="wood")
    assert current() == ("brick", 20, 0)


def test_a_new_epoch_counts_more_than_any_offset(answer, current):
    answer(1000)
    answer(3, source_epoch=2, label="wood")
    answer(2000, label="ground")
    assert current() == ("wood", 3, 0)


@pytest.mark.parametrize("purpose", ["replay", "shadow"])
def test_other_purposes_go_into_the_history_only(answer, current, history, purpose):
    answer(10)
    answer(20, purpose=purpose, model_version=4, label="wood")
    assert current() == ("brick", 10, 0)
    assert [row[3] for row in history()] == [3, 4]


def test_a_rejection_before_any_model_was_asked(answer, current, history):
    answer(10, status="rejected", error_code="path_not_allowed", target=None, label=None, confidence=None,
           probabilities=None, model_name=None, model_version=None, engine=None, image_sha256=None)
    assert current() == (None, 10, 0)
    assert history() == [(None, 10, 0, 0, 0, 0)]


def test_a_deletion_takes_answer_and_history(answer, delete, current, history):
    answer(10)
    answer(20)
    delete(30)
    assert current() is None
    assert history() == []


def test_a_late_record_does_not_bring_a_deleted_id_back(answer, delete, current, history):
    answer(10)
    delete(30)
    answer(20)
    answer(10)
    assert current() is None
    assert history() == []


def test_a_new_row_under_a_deleted_id_is_answered(answer, delete, current, history):
    delete(30)
    answer(40)
    assert current() == ("brick", 40, 0)
    answer(20)
    assert [row[1] for row in history()] == [40]


def test_a_late_deletion_spares_the_new_row(answer, delete, current, history):
    answer(10)
    answer(40, label="wood")
    delete(30)
    assert current() == ("wood", 40, 0)
    assert [row[1] for row in history()] == [40]


def test_an_older_deletion_does_not_dig_up_a_newer_grave(databases, delete, source_id):
    delete(30)
    delete(20)
    (grave,) = databases.query("target", "SELECT source_offset FROM cargo_prediction_graveyard WHERE source_id = :id",
                               id=source_id)
    assert grave["source_offset"] == 30


def test_two_tasks_with_one_id_wait_for_each_other(databases, source_id, current):
    """A task that was stopped and continued writes an older answer while its successor's deletion is not committed."""
    record = msgspec.structs.replace(GOOD, source_id=source_id, source_offset=10)
    burial = Prediction(source_id, "deleted", 1, 0, 20)
    sink = databases.engine("target", "sink")
    late = threading.Thread(target=databases.deliver, args=("target", PREDICTIONS_TOPIC, msgspec.json.encode(record)))
    with sink.begin() as successor:
        successor.execute(INSERT, {"topic": PREDICTIONS_TOPIC, "partition": 0, "offset": databases.next(),
                                   "payload": msgspec.json.encode(burial)})
        late.start()
        late.join(timeout=0.5)
        assert late.is_alive(), "the late task did not wait"
    late.join(timeout=10)
    assert not late.is_alive()
    assert current() is None


class TestMirror:
    @pytest.fixture
    def change(self, databases, source_id):
        def deliver(offset, image_path="a.jpg", *, deleted=False, **changes):
            row = {"id": source_id, "timestamp": "2026-11-21T10:00:00Z", "image_path": image_path, "target": None,
                   "sha256": None, "ingest_key": None, "__op": "d" if deleted else "u",
                   "__deleted": "true" if deleted else "false", "__before_image_path": None, "__before_sha256": None,
                   "__source_ts_ms": 1795270854913, "__source_lsn": 1}
            databases.deliver("target", SOURCE_TOPIC, json.dumps(row | changes).encode(), offset, partition=3)
        return deliver

    @pytest.fixture
    def mirrored(self, databases, source_id):
        def read():
            rows = databases.query("target", "SELECT image_path, source_epoch, source_partition, source_offset "
                                             "FROM cargo WHERE id = :id", id=source_id)
            return tuple(rows[0].values()) if rows else None
        return read

    def test_the_newest_stands_whatever_the_order(self, change, mirrored):
        change(20, "new.jpg")
        change(10, "old.jpg")
        change(20, "tie.jpg")
        assert mirrored() == ("new.jpg", 1, 3, 20)

    def test_delete_and_insert_again(self, change, mirrored):
        change(10)
        change(20, deleted=True)
        change(15, "late.jpg")
        assert mirrored() is None
        change(30, "again.jpg")
        change(20, deleted=True)
        assert mirrored() == ("again.jpg", 1, 3, 30)

    def test_a_column_that_the_mirror_does_not_know_is_left_out(self, change, mirrored):
        change(10, colour="red")
        assert mirrored() == ("a.jpg", 1, 3, 10)

    def test_predictions_are_another_matter(self, change, delete, mirrored):
        change(10)
        delete(20)
        assert mirrored() == ("a.jpg", 1, 3, 10)

    def test_truth_that_comes_late_is_joined_in(self, databases, change, answer, source_id):
        answer(10)
        change(10)
        read = "SELECT truth, correct, latency_ms FROM cargo_result WHERE source_id = :id"
        (before,) = databases.query("target", read, "dashboard", id=source_id)
        change(11, target=1)
        (after,) = databases.query("target", read, "dashboard", id=source_id)
        assert (before["truth"], before["correct"]) == (None, None)
        assert (after["truth"], after["correct"]) == (1, True)
        assert after["latency_ms"] > 0

    def test_no_epoch_fails_the_task(self, databases, change):
        with databases.engine("target", "admin").begin() as connection:
            connection.execute(text("DELETE FROM topic_epoch"))
        try:
            with pytest.raises(Exception, match="has no epoch"):
                change(10)
        finally:
            with databases.engine("target", "admin").begin() as connection:
                connection.execute(text("INSERT INTO topic_epoch (topic, topic_id) VALUES (:t, 'first')"),
                                   {"t": SOURCE_TOPIC})


def test_events_are_kept_once(databases):
    event = msgspec.json.encode(Event("model_swapped", "info", "7", "Version 7 serves.", "2026-11-21T10:00:00Z"))
    offset = databases.deliver("target", EVENTS_TOPIC, event)
    databases.deliver("target", EVENTS_TOPIC, event, offset)
    rows = databases.query("target", 'SELECT kind FROM cargo_event WHERE "offset" = :offset', offset=offset)
    assert [row["kind"] for row in rows] == ["model_swapped"]


HOSTILE = {
    "no value": (None, "22004"),
    "empty": (b"", "22P02"),
    "null": (b"null", "22023"),
    "array": (b"[1]", "22023"),
    "not JSON": (b"hello", "22P02"),
    "cut": (b'{"source_id": 1', "22P02"),
    "not UTF-8": (b'{"source_id": "\xff"}', "22021"),
    "NUL": (b'{"source_id": 1, "label": "\\u0000"}', "22P05"),
    "lone surrogate": (b'{"source_id": 1, "label": "\\ud800"}', "22P02"),
    "text for a number": (b'{"source_id": "abc"}', "22P02"),
    "digits as text": (b'{"source_id": "1"}', "22023"),
    "number for a text": (b'{"source_id": 1, "label": 5}', "22023"),
    "huge number": (b'{"source_id": 1e999}', "22003"),
    "a fraction": (b'{"source_id": 1.5}', "22P02"),
    "NaN": (b'{"source_id": NaN}', "22P02"),
    "deep": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "54001"),
    "no receipt": (b'{"source_id": 1, "status": "predicted"}', "23502"),
    "unknown status": (msgspec.json.encode(GOOD).replace(b'"predicted"', b'"guessed"'), "23514"),
    "half an answer": (msgspec.json.encode(GOOD).replace(b'"label":"brick"', b'"label":null'), "23514"),
    "no time": (msgspec.json.encode(GOOD).replace(b"2026-11-21T10:00:00.4Z", b"soon"), "22007"),
    "megabyte": (b'{"source_id": "' + b"x" * 1_000_000 + b'"}', "22P02"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_record_is_kept_with_its_reason_and_stops_nothing(databases, refused, answer, current, name):
    payload, sqlstate = HOSTILE[name]
    offset = databases.deliver("target", PREDICTIONS_TOPIC, payload)
    databases.deliver("target", PREDICTIONS_TOPIC, payload, offset)
    (kept,) = refused(PREDICTIONS_TOPIC, offset)
    assert kept["sqlstate"] == sqlstate
    assert kept["reason"]
    assert (bytes(kept["payload"]) if kept["payload"] is not None else None) == payload
    answer(10)
    assert current() is not None


def test_good_records_beside_a_bad_one_in_a_batch_are_applied(databases, source_id, current, refused):
    good = msgspec.json.encode(msgspec.structs.replace(GOOD, source_id=source_id, source_offset=10))
    offsets = [databases.next() for _ in range(3)]
    with databases.engine("target", "sink").begin() as connection:
        connection.execute(INSERT, [
            {"topic": PREDICTIONS_TOPIC, "partition": 0, "offset": offset, "payload": payload}
            for offset, payload in zip(offsets, (b"bad", good, b"worse"), strict=True)])
    assert current() == ("brick", 10, 0)
    assert [len(refused(PREDICTIONS_TOPIC, offset)) for offset in offsets] == [1, 0, 1]


def test_an_error_that_is_not_the_records_own_fails_the_task(databases, answer, current):
    """The record stays with Connect until somebody mends what is wrong."""
    admin = databases.engine("target", "admin")
    with admin.begin() as connection:
        connection.execute(text("ALTER TABLE cargo_prediction_history RENAME TO away"))
    try:
        with pytest.raises(Exception, match="cargo_prediction_history"):
            answer(10)
    finally:
        with admin.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO cargo_prediction_history"))
    assert current() is None
    answer(10)
    assert current() == ("brick", 10, 0)


def test_a_topic_that_nobody_applies_fails_the_task(databases):
    with pytest.raises(Exception, match="no apply function is known for topic 'other'"):
        databases.deliver("target", "other", b"{}")


def test_the_inbox_stays_empty(databases, answer):
    answer(10)
    with databases.engine("target", "admin").connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM inbox")).scalar() == 0


def test_the_history_forgets_after_days(databases, answer, current, history, source_id):
    answer(10)
    with databases.engine("target", "admin").begin() as connection:
        connection.execute(text("UPDATE cargo_prediction_history SET stored_at = now() - interval '31 days' "
                                "WHERE source_id = :id"), {"id": source_id})
    answer(20)
    assert forget_old_history(databases.settings) == 1
    assert [row[1] for row in history()] == [20]
    assert current() == ("brick", 20, 0)
