"""Records of `cargo-ingest` in the source database: one row a key, whatever comes how often."""

import json

import pytest

from cargostream.records import INGEST_TOPIC


@pytest.fixture
def key(databases):
    return f"key-{databases.next()}"


@pytest.fixture
def ingest(databases):
    """Deliver a record; the SQLSTATE with which it was refused, or None."""
    def deliver(**fields):
        payload = json.dumps(fields).encode()
        offset = databases.deliver("source", INGEST_TOPIC, payload)
        refused = databases.query("source", 'SELECT sqlstate FROM refused WHERE "offset" = :offset', offset=offset)
        return refused[0]["sqlstate"] if refused else None
    return deliver


@pytest.fixture
def rows(databases, key):
    def read():
        return databases.query("source", 'SELECT id, "timestamp"::text AS at, image_path, target, sha256 FROM cargo '
                                         "WHERE ingest_key = :key", key=key)
    return read


def test_a_record_becomes_a_row(ingest, rows, key):
    assert ingest(ingest_key=key, image_path="a.jpg", target=3, sha256="f" * 64,
                  timestamp="2026-11-21T11:00:00.5+01:00") is None
    (row,) = rows()
    assert (row["image_path"], row["target"], row["sha256"]) == ("a.jpg", 3, "f" * 64)
    assert row["at"] == "2026-11-21 10:00:00.5+00"


def test_the_time_may_be_left_to_the_database(ingest, rows, key):
    assert ingest(ingest_key=key, image_path="a.jpg", timestamp=None) is None
    assert rows()[0]["at"]


def test_a_repeat_adds_nothing(ingest, rows, key):
    for _ in range(3):
        assert ingest(ingest_key=key, image_path="a.jpg", target=3) is None
    assert len(rows()) == 1


def test_a_repeat_that_differs_is_refused_and_the_first_stands(ingest, rows, key):
    ingest(ingest_key=key, image_path="a.jpg")
    assert ingest(ingest_key=key, image_path="b.jpg") == "23505"
    assert [row["image_path"] for row in rows()] == ["a.jpg"]


def test_a_repeat_does_not_bring_a_deleted_row_back(databases, ingest, rows, key):
    ingest(ingest_key=key, image_path="a.jpg")
    databases.query("source", "DELETE FROM cargo WHERE ingest_key = :key", "writer", key=key)
    assert ingest(ingest_key=key, image_path="a.jpg") is None
    assert rows() == []


def test_a_refused_record_does_not_use_up_its_key(ingest, rows, key):
    assert ingest(ingest_key=key, image_path="a.jpg", target=9) == "23514"
    assert ingest(ingest_key=key, image_path="a.jpg", target=4) is None
    assert len(rows()) == 1


def test_a_producer_cannot_choose_the_id(ingest, rows, key):
    assert ingest(ingest_key=key, image_path="a.jpg", id=10**12) is None
    assert rows()[0]["id"] < 10**12


@pytest.mark.parametrize(("fields", "sqlstate"), [
    ({"ingest_key": None}, "23502"),
    ({"ingest_key": ""}, "23514"),
    ({"ingest_key": 5}, "22023"),
    ({"image_path": None}, "23502"),
    ({"image_path": "  "}, "23514"),
    ({"image_path": ["a.jpg"]}, "22023"),
    ({"target": 5}, "23514"),
    ({"target": "3"}, "22023"),
    ({"target": 2**40}, "22003"),
    ({"sha256": "short"}, "23514"),
    ({"timestamp": "yesterday"}, "22007"),
    ({"timestamp": "2026-11-21T10:00:00"}, "22007"),
    ({"timestamp": "2026-13-21T10:00:00Z"}, "22008"),
    ({"timestamp": 1795270854913}, "22008"),
], ids=str)
def test_what_cannot_be_a_row_is_refused(ingest, rows, key, fields, sqlstate):
    assert ingest(**({"ingest_key": key, "image_path": "a.jpg"} | fields)) == sqlstate
    assert rows() == []


def test_literally(databases, ingest, rows, key):
    """What looks like a command anywhere on the way is stored as it is."""
    path = "'); DROP TABLE cargo;-- ${file:/x:y} {{7*7}} %s $(id)"
    assert ingest(ingest_key=key, image_path=path) is None
    assert rows()[0]["image_path"] == path
