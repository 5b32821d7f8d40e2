"""From what differs to what really does, and its repair, on real tables; the way of the records is played."""

import pytest

from operations.verify.differences import Kind
from operations.verify.repairs import Repairs
from operations.verify.settle import TRIES, settle


class Way:
    """Stands for the path: what `arrives` does happens at each passage; `whole` as `Passage.wait` answers."""

    def __init__(self, *arrives, whole=True):
        self.arrives, self.whole, self.passed = list(arrives), whole, 0

    def wait(self):
        self.passed += 1
        if self.arrives:
            self.arrives.pop(0)()
        return self.whole


class Sent:
    """Stands for the producer of repeats."""

    def __init__(self):
        self.records = []

    def send(self, record):
        self.records.append(record)

    def flush(self):
        pass


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def repairs(rows, sent):
    return Repairs(*rows.engines, sent)


def test_rows_in_flight_are_no_difference(rows):
    ids = rows.insert(3)
    outcome = settle(*rows.engines, Way(lambda: (rows.mirror(ids), rows.answer(ids))), ids, None)
    assert (outcome.found, outcome.standing) == ({}, {})


def test_a_row_that_changed_meanwhile_is_looked_at_again(rows, databases):
    """It differs after the passage too, but not as before."""
    (identity,) = rows.insert()
    way = Way(lambda: databases.query("source", "UPDATE cargo SET target = 1 WHERE id = :id", "writer", id=identity),
              lambda: (rows.mirror([identity]), rows.answer([identity])))
    outcome = settle(*rows.engines, way, [identity], None)
    assert (outcome.found, way.passed) == ({}, 2)


def test_what_outlasts_the_passage_is_found(rows):
    ids = rows.insert(2)
    outcome = settle(*rows.engines, Way(), ids, None)
    assert {one.kind for one in outcome.found.values()} == {Kind.NOT_MIRRORED}
    assert sorted(outcome.standing) == ids
    assert outcome.repaired.total() == 0


def test_nothing_is_found_when_the_slot_became_another(rows):
    outcome = settle(*rows.engines, Way(whole=False), rows.insert(2), None)
    assert outcome.found == {}


def test_what_the_mirror_lacks_is_written_again_and_then_answered(rows, databases, repairs, sent):
    (identity,) = rows.insert()
    version = "SELECT xmin::text AS version FROM cargo WHERE id = :id"
    (before,) = databases.query("source", version, id=identity)
    way = Way(lambda: None, lambda: rows.mirror([identity]), lambda: None, lambda: rows.answer([identity], attempt=1))
    outcome = settle(*rows.engines, way, [identity], repairs)
    (after,) = databases.query("source", version, id=identity)
    assert before != after
    assert [dict(record.headers)["attempt"] for record in sent.records] == [b"1"]
    assert (outcome.repaired, outcome.standing) == ({Kind.NOT_MIRRORED: 1}, {})


def test_a_prediction_is_asked_for_with_the_next_attempt_at_the_mirror_s_record(rows, databases, repairs, sent):
    (identity,) = rows.whole()
    rows.answer([identity], attempt=4, image_path="other.jpg")
    outcome = settle(*rows.engines, Way(lambda: None, lambda: rows.answer([identity], attempt=5)), [identity], repairs)
    (record,) = sent.records
    (row,) = databases.query("target", "SELECT * FROM cargo WHERE id = :id", id=identity)
    headers = {name: int(value) for name, value in record.headers}
    assert headers == {"epoch": 1, "partition": 0, "offset": row["source_offset"], "attempt": 5}
    assert outcome.repaired == {Kind.ANSWERED_OTHERWISE: 1}


def test_a_repeat_that_could_not_stand_is_no_repair(rows, databases, repairs, sent):
    (identity,) = rows.whole()
    databases.query("target", "UPDATE cargo_prediction SET source_offset = source_offset + 1, image_path = 'newer.jpg' "
                              "WHERE source_id = :id", "admin", id=identity)
    way = Way(lambda: None, lambda: rows.mirror([identity]), lambda: None, lambda: rows.answer([identity], attempt=1))
    outcome = settle(*rows.engines, way, [identity], repairs)
    assert outcome.standing == {}
    assert len(sent.records) == 1, "the source's row was written again first"


def test_what_cannot_be_repaired_stands_after_some_tries(rows, repairs, sent):
    (identity,) = rows.insert()
    rows.mirror([identity])
    outcome = settle(*rows.engines, Way(), [identity], repairs)
    assert outcome.standing.keys() == {identity}
    assert outcome.repaired.total() == 0
    assert 1 <= len(sent.records) <= TRIES


def test_what_is_left_over_is_buried(rows, databases, repairs):
    left, phantom = rows.whole(2)
    databases.query("source", "DELETE FROM cargo WHERE id IN (:a, :b)", "writer", a=left, b=phantom)
    databases.query("target", "DELETE FROM cargo WHERE id = :id", "admin", id=phantom)
    outcome = settle(*rows.engines, Way(), [left, phantom], repairs)
    assert outcome.repaired == {Kind.ONLY_MIRRORED: 1, Kind.ONLY_ANSWERED: 1}
    for table in ("cargo_result", "cargo_prediction_history"):
        assert databases.query("target", f"SELECT FROM {table} WHERE source_id IN ({left}, {phantom})") == []
    assert databases.query("target", "SELECT FROM cargo WHERE id = :id", id=left) == []
    assert len(databases.query("target", "SELECT FROM cargo_graveyard WHERE id = :id", id=left)) == 1
    assert len(databases.query("target", "SELECT FROM cargo_prediction_graveyard WHERE source_id IN (:a, :b)",
                               a=left, b=phantom)) == 2


def test_what_is_newer_than_the_look_is_not_buried(rows, databases, repairs):
    (identity,) = rows.whole()
    rows.mirror([identity])
    place = {"id": identity, "offset": 0}
    for bury in ("SELECT bury_mirrored(:id, 1, 0, :offset) AS gone",
                 "SELECT bury_answered(:id, 1, 0, :offset, 0) AS gone"):
        assert databases.query("target", bury, **place) == [{"gone": False}]
    assert len(databases.query("target", "SELECT FROM cargo_result WHERE source_id = :id", id=identity)) == 1


def test_a_row_that_somebody_holds_is_passed_over(rows, databases):
    ids = rows.insert(2)
    with databases.engine("source", "writer").begin() as other:
        other.exec_driver_sql(f"UPDATE cargo SET target = 1 WHERE id = {ids[0]}")  # noqa: S608
        (done,) = databases.query("source", "SELECT repeat_rows(:ids) AS rows", ids=ids)
    assert done["rows"] == 1
