"""What is compared: digests of ranges on both servers, and the mirror with the predictions."""

import json

import pytest

from cargostream.records import SOURCE_TOPIC
from operations.verify.differences import Kind, look
from operations.verify.ranges import BLOCK, LAST, Span, compare, next_span


@pytest.fixture
def kinds(rows):
    """{id: kind of difference} of the test's rows, found by comparing their range."""
    def read():
        source, target = rows.engines
        _, ids = compare(source, target, rows.span)
        return {identity: one.kind for identity, one in look(source, target, ids).items()}
    return read


def test_rows_that_stand_everywhere_agree(rows, kinds):
    rows.whole(5)
    source, target = rows.engines
    assert compare(source, target, rows.span) == (5, set())


@pytest.mark.parametrize("columns", [
    {"path": "é 'quoted', \"x\" (1).jpg"}, {"sha256": None, "target": 3}, {"target": 0}])
def test_rows_of_any_content_have_the_same_digest_on_both_sides(rows, kinds, columns):
    ids = rows.insert(1, **columns)
    rows.mirror(ids)
    rows.answer(ids)
    assert kinds() == {}


@pytest.mark.parametrize("timestamp", ["0001-01-01 00:00:00.000001Z", "9999-12-31 23:59:59.999999Z"])
def test_times_are_compared_to_the_microsecond(rows, kinds, timestamp):
    (identity,) = rows.insert()
    rows.databases.query("source", 'UPDATE cargo SET "timestamp" = :at WHERE id = :id', "writer", at=timestamp,
                         id=identity)
    rows.mirror([identity])
    rows.answer([identity])
    assert kinds() == {}
    rows.databases.query("source", "UPDATE cargo SET \"timestamp\" = '2026-11-21 10:00:00.000001Z' WHERE id = :id",
                         "writer", id=identity)
    assert kinds() == {identity: Kind.MIRRORED_OTHERWISE}


def test_each_kind_of_difference_is_told_from_the_others(rows, kinds, databases):
    rows.whole(3)
    (unmirrored,) = rows.insert()
    otherwise, left, unanswered, stale, phantom = rows.whole(5)
    databases.query("source", "UPDATE cargo SET target = 4 WHERE id = :id", "writer", id=otherwise)
    databases.query("source", "DELETE FROM cargo WHERE id IN (:a, :b)", "writer", a=left, b=phantom)
    databases.query("target", "DELETE FROM cargo_prediction WHERE source_id = :id", "admin", id=unanswered)
    databases.query("target", "UPDATE cargo_prediction SET image_path = 'other.jpg' WHERE source_id = :id", "admin",
                    id=stale)
    databases.query("target", "DELETE FROM cargo WHERE id = :id", "admin", id=phantom)
    assert kinds() == {
        unmirrored: Kind.NOT_MIRRORED, otherwise: Kind.MIRRORED_OTHERWISE, left: Kind.ONLY_MIRRORED,
        unanswered: Kind.NOT_ANSWERED, stale: Kind.ANSWERED_OTHERWISE, phantom: Kind.ONLY_ANSWERED}


def test_a_label_that_came_late_is_no_difference(rows, kinds, databases):
    (identity,) = rows.whole()
    databases.query("source", "UPDATE cargo SET target = 1 WHERE id = :id", "writer", id=identity)
    rows.mirror([identity])
    assert kinds() == {}


def test_answers_without_an_image_are_answers(rows, kinds):
    ids = rows.insert(3)
    rows.mirror(ids)
    nothing = {"status": "rejected", "target": None, "label": None, "confidence": None, "image_sha256": None}
    rows.answer(ids[:1], **nothing, error_code="file_not_found")
    rows.answer(ids[1:2], **nothing, error_code="invalid_message", image_path=None)
    rows.answer(ids[2:], **nothing, error_code="file_not_found", image_path=None)
    assert kinds() == {ids[2]: Kind.ANSWERED_OTHERWISE}


def test_an_answer_to_another_digest_is_none(rows, kinds):
    changed, unmended = rows.insert(2)
    rows.mirror([changed, unmended])
    rows.answer([changed], image_sha256="0" * 64)
    rows.answer([unmended], status="rejected", error_code="checksum_mismatch", target=None, label=None, confidence=None)
    assert kinds() == {changed: Kind.ANSWERED_OTHERWISE, unmended: Kind.ANSWERED_OTHERWISE}


def test_an_answer_that_could_not_stand_is_known(rows, databases):
    barred, buried = rows.whole(2)
    (row,) = databases.query("target", "SELECT source_offset FROM cargo WHERE id = :id", id=barred)
    databases.query("target", "UPDATE cargo_prediction SET source_offset = :offset, image_path = 'newer.jpg' "
                              "WHERE source_id = :id", "admin", offset=row["source_offset"] + 1, id=barred)
    databases.query("target", "DELETE FROM cargo_prediction WHERE source_id = :id", "admin", id=buried)
    databases.query("target", "INSERT INTO cargo_prediction_graveyard SELECT id, source_epoch, source_partition, "
                              "source_offset FROM cargo WHERE id = :id", "admin", id=buried)
    found = look(*rows.engines, [barred, buried])
    assert found[barred].barred
    assert found[buried].barred


def test_ranges_are_cut_so_that_no_table_has_more(rows, databases):
    ids = rows.whole(30)
    databases.query("source", "DELETE FROM cargo WHERE id < :to AND id >= :from", "writer",
                    **{"from": ids[0], "to": ids[20]})
    source, target = rows.engines
    assert next_span(source, target, ids[0] - 1, 8) == Span(ids[0] - 1, ids[7]), "the mirror has the most there"
    assert next_span(source, target, ids[19], 8) == Span(ids[19], ids[27])
    assert next_span(source, target, ids[27], 8, until=ids[29]) == Span(ids[27], ids[29])
    assert next_span(source, target, 2**62, 8) == Span(2**62, LAST)


def test_rows_are_looked_at_one_by_one_only_where_a_block_differs(rows, kinds, databases):
    """Ids of both signs and of many blocks."""
    ids = [rows.last + 1 + BLOCK * n for n in range(4)]
    for identity in ids:
        rows.last = identity - 1
        rows.whole()
    databases.query("target", "UPDATE cargo SET target = 2 WHERE id = :id", "admin", id=ids[2])
    assert kinds() == {ids[2]: Kind.MIRRORED_OTHERWISE}
    below = {"id": -5, "timestamp": "2026-11-21T10:00:00Z", "image_path": "a.jpg", "__op": "c", "__deleted": "false"}
    databases.deliver("target", SOURCE_TOPIC, json.dumps(below).encode())
    source, target = rows.engines
    assert compare(source, target, Span(-10, -1)) == (0, {-5})
    databases.query("target", "DELETE FROM cargo WHERE id = -5", "admin")
