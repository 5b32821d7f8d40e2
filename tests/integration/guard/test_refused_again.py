"""A refused record that an operator has applied again."""

import msgspec
import pytest
from sqlalchemy.exc import ProgrammingError

from cargostream.records import INGEST_TOPIC, PREDICTIONS_TOPIC
from tests.support.answers import GOOD

NARROW = "ALTER TABLE cargo_prediction ADD CONSTRAINT narrow CHECK (label <> 'moss') NOT VALID"


@pytest.fixture
def mossy(databases, source_id):
    """The id of a record that was refused for a fault of the table, which is mended since."""
    payload = msgspec.json.encode(msgspec.structs.replace(GOOD, source_id=source_id, label="moss"))
    databases.query("target", NARROW, "admin")
    try:
        offset = databases.deliver("target", PREDICTIONS_TOPIC, payload)
    finally:
        databases.query("target", "ALTER TABLE cargo_prediction DROP CONSTRAINT narrow", "admin")
    return kept(databases, "target", offset)["id"]


def kept(databases, server, offset):
    (row,) = databases.query(server, 'SELECT * FROM refused WHERE "offset" = :offset', offset=offset)
    return row


def by_id(databases, server, identity):
    (row,) = databases.query(server, "SELECT * FROM refused WHERE id = :id", id=identity)
    return row


def again(databases, server, identity):
    (row,) = databases.query(server, "SELECT apply_refused(:id, 'somebody') AS reason", id=identity)
    return row["reason"]


def test_it_is_applied_where_its_reason_is_gone_and_the_note_says_by_whom(databases, mossy, current):
    before = by_id(databases, "target", mossy)
    for _ in range(2):
        assert again(databases, "target", mossy) is None
        assert current() == ("moss", 0, 0)
    after = by_id(databases, "target", mossy)
    assert (after["handled"], after["handled_by"]) == ("replayed", "somebody")
    assert all(after[name] == before[name] for name in ("topic", "partition", "offset", "payload", "refused_at"))


def test_it_stays_refused_where_its_reason_is_not_gone(databases):
    record = b'{"ingest_key": "again", "image_path": 7}'
    offset = databases.deliver("source", INGEST_TOPIC, record)
    before = kept(databases, "source", offset)
    assert "is a number where a string belongs" in again(databases, "source", before["id"])
    assert kept(databases, "source", offset) == before


def test_it_loses_to_what_is_newer(databases, mossy, answer, current):
    answer(5, label="wood")
    assert again(databases, "target", mossy) is None
    assert current() == ("wood", 5, 0)


def test_an_offset_of_a_topic_that_was_made_anew_is_not_taken_for_another(databases, mossy, current):
    epoch = {"topic": PREDICTIONS_TOPIC}
    databases.query("target", "INSERT INTO topic_epoch (topic, epoch, topic_id) VALUES (:topic, 2, 'second') "
                              "ON CONFLICT (topic) DO UPDATE SET made_at = now()", **epoch)
    try:
        assert "made anew" in again(databases, "target", mossy)
        assert current() is None
        assert by_id(databases, "target", mossy)["handled"] is None
    finally:
        databases.query("target", "DELETE FROM topic_epoch WHERE topic = :topic", "admin", **epoch)


def test_a_fault_that_is_not_the_records_own_is_an_error_and_changes_nothing(databases, mossy):
    databases.query("target", "ALTER TABLE cargo_prediction RENAME TO elsewhere", "admin")
    try:
        with pytest.raises(ProgrammingError):
            again(databases, "target", mossy)
    finally:
        databases.query("target", "ALTER TABLE elsewhere RENAME TO cargo_prediction", "admin")
    assert by_id(databases, "target", mossy)["handled"] is None
