"""The guard of the predictions: records in the wrong order, twice, late, and after a deletion."""

import threading

import msgspec
import pytest
from sqlalchemy import text

from cargostream.records import PREDICTIONS_TOPIC, Prediction
from connectors.retention import forget_old_history
from tests.support.answers import GOOD
from tests.support.databases import INSERT


def test_every_field_arrives(databases, answer, source_id):
    whole = {"error_code": "corrupt_image", "error_detail": "so that no field is without a value"}
    answer(10, **whole)
    (row,) = databases.query("target", "SELECT * FROM cargo_prediction WHERE source_id = :id", id=source_id)
    sent = msgspec.structs.asdict(msgspec.structs.replace(GOOD, source_id=source_id, source_offset=10, **whole))
    assert all(value is not None for value in sent.values())
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


def test_a_shadow_that_comes_first_takes_no_answer_s_place(answer, current, purposes):
    answer(10, purpose="shadow", model_version=4, label="wood")
    assert current() is None
    answer(10)
    assert current() == ("brick", 10, 0)
    answer(20, purpose="shadow", model_version=4, label="wood", target=4)
    assert current() == ("brick", 10, 0), "a later record's shadow is no answer to it"
    assert purposes() == [(10, 3, "current"), (10, 4, "shadow"), (20, 4, "shadow")]


@pytest.mark.parametrize("order", [("shadow", "current"), ("current", "shadow")])
def test_what_was_answered_is_no_shadow_whichever_came_first(answer, current, purposes, order):
    for purpose in order:
        answer(10, purpose=purpose)
    assert current() == ("brick", 10, 0)
    assert purposes() == [(10, 3, "current")]


def test_a_deleted_row_leaves_no_shadow_however_late_it_comes(answer, delete, history):
    answer(10, purpose="shadow", model_version=4)
    delete(30)
    assert history() == []
    answer(20, purpose="shadow", model_version=4)
    assert history() == []


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


def test_the_history_forgets_after_days(databases, answer, current, history, source_id):
    answer(10)
    with databases.engine("target", "admin").begin() as connection:
        connection.execute(text("UPDATE cargo_prediction_history SET stored_at = now() - interval '31 days' "
                                "WHERE source_id = :id"), {"id": source_id})
    answer(20)
    assert forget_old_history(databases.settings) == 1
    assert [row[1] for row in history()] == [20]
    assert current() == ("brick", 20, 0)
