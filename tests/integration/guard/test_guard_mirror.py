"""The mirror's guard, and the truth that is read from the mirror."""

import json

import pytest
from sqlalchemy import text

from cargostream.records import SOURCE_TOPIC


@pytest.fixture
def change(databases, source_id):
    def deliver(offset, image_path="a.jpg", *, deleted=False, **changes):
        row = {"id": source_id, "timestamp": "2026-11-21T10:00:00Z", "image_path": image_path, "target": None,
               "sha256": None, "ingest_key": None, "__op": "d" if deleted else "u",
               "__deleted": "true" if deleted else "false", "__before_image_path": None, "__before_sha256": None,
               "__source_ts_ms": 1795270854913, "__source_lsn": 1}
        databases.deliver("target", SOURCE_TOPIC, json.dumps(row | changes).encode(), offset, partition=3)
    return deliver


@pytest.fixture
def mirrored(databases, source_id):
    def read():
        rows = databases.query("target", "SELECT image_path, source_epoch, source_partition, source_offset "
                                         "FROM cargo WHERE id = :id", id=source_id)
        return tuple(rows[0].values()) if rows else None
    return read


def test_the_newest_stands_whatever_the_order(change, mirrored):
    change(20, "new.jpg")
    change(10, "old.jpg")
    change(20, "tie.jpg")
    assert mirrored() == ("new.jpg", 1, 3, 20)


def test_delete_and_insert_again(change, mirrored):
    change(10)
    change(20, deleted=True)
    change(15, "late.jpg")
    assert mirrored() is None
    change(30, "again.jpg")
    change(20, deleted=True)
    assert mirrored() == ("again.jpg", 1, 3, 30)


def test_a_column_that_the_mirror_does_not_know_is_left_out(change, mirrored):
    change(10, colour="red")
    assert mirrored() == ("a.jpg", 1, 3, 10)


def test_predictions_are_another_matter(change, delete, mirrored):
    change(10)
    delete(20)
    assert mirrored() == ("a.jpg", 1, 3, 10)


def test_truth_that_comes_late_is_joined_in(databases, change, answer, source_id):
    answer(10)
    change(10)
    read = "SELECT truth, correct, latency_ms FROM cargo_result WHERE source_id = :id"
    (before,) = databases.query("target", read, "dashboard", id=source_id)
    change(11, target=1)
    (after,) = databases.query("target", read, "dashboard", id=source_id)
    assert (before["truth"], before["correct"]) == (None, None)
    assert (after["truth"], after["correct"]) == (1, True)
    assert after["latency_ms"] > 0


def test_no_epoch_fails_the_task(databases, change):
    with databases.engine("target", "admin").begin() as connection:
        connection.execute(text("DELETE FROM topic_epoch"))
    try:
        with pytest.raises(Exception, match="has no epoch"):
            change(10)
    finally:
        with databases.engine("target", "admin").begin() as connection:
            connection.execute(text("INSERT INTO topic_epoch (topic, topic_id) VALUES (:t, 'first')"),
                               {"t": SOURCE_TOPIC})
