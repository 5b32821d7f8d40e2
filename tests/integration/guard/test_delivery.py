"""Records that cannot be applied: kept with the reason, or left with Connect if the reason is not their own."""


import msgspec
import pytest
from sqlalchemy import text

from cargostream.records import EVENTS_TOPIC, PREDICTIONS_TOPIC, Event
from tests.support.answers import GOOD
from tests.support.databases import INSERT


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


@pytest.mark.parametrize(("take", "give_back", "told"), [
    ("ALTER TABLE cargo_prediction_history RENAME TO away", "ALTER TABLE away RENAME TO cargo_prediction_history",
     "cargo_prediction_history"),
    ("ALTER TABLE cargo_prediction RENAME sharpness TO away", "ALTER TABLE cargo_prediction RENAME away TO sharpness",
     "sharpness"),
], ids=["a table is gone", "a column is gone that may be null"])
def test_an_error_that_is_not_the_records_own_fails_the_task(databases, answer, current, take, give_back, told):
    """The record stays with Connect until somebody mends what is wrong."""
    admin = databases.engine("target", "admin")
    with admin.begin() as connection:
        connection.execute(text(take))
    try:
        with pytest.raises(Exception, match=told):
            answer(10)
    finally:
        with admin.begin() as connection:
            connection.execute(text(give_back))
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
