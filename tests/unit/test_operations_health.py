"""What counts as healthy."""

import re

import pytest

from operations.health import reasons
from operations.lags import Lag, Topics
from operations.rows import Count, Partition, Rows
from operations.status import Data, Slot, Worker

PARTS = {"source": {"state": "ready", "error": None}, "worker-0": {"state": "ready", "error": None}}
CONNECTORS = [{"name": "postgres-source-connector", "state": "RUNNING", "tasks": [{"id": 0, "state": "RUNNING"}]}]


def rows(*, unanswered=0, oldest_s=None, source=100, answered=100, exact=True, unmirrored=0, **changes):
    return Rows(Count(source, exact), Count(source, exact), Count(answered, exact), compared=100,
                unmirrored=unmirrored, unanswered=unanswered, oldest_s=oldest_s, **changes)


def data(**changes):
    given = {
        "rows": rows(), "last_answer_age_s": 0.1, "slots": [Slot("cargostream", True, "reserved", 1000, 10)],
        "topics": Topics([Lag("g", "t", 0)], 0), "workers": [Worker("http://w", True, 1, {})],
        "refused": [], "events": [],
    }
    return Data(**(given | changes))


def test_a_pipeline_that_works_has_nothing_to_say():
    assert reasons(PARTS, CONNECTORS, data()) == []


def test_refused_records_are_answers_and_no_illness():
    assert reasons(PARTS, CONNECTORS, data(refused=[{"topic": "cargo-ingest", "records": 3}])) == []


def test_an_idle_pipeline_is_healthy_however_old_its_last_answer():
    assert reasons(PARTS, CONNECTORS, data(last_answer_age_s=9e5)) == []
    assert reasons(PARTS, CONNECTORS, data(last_answer_age_s=None)) == []


def test_rows_that_are_being_answered_are_healthy_however_many_wait():
    slow = tuple(Partition(number, 700, 0.5) for number in range(8))
    assert reasons(PARTS, CONNECTORS, data(rows=rows(unanswered=5000, oldest_s=300.0, partitions=slow))) == []


def test_rows_that_just_came_after_a_pause_are_not_stuck():
    came = rows(unanswered=1, oldest_s=0.1, partitions=(Partition(3, 1, 0.1),))
    assert reasons(PARTS, CONNECTORS, data(rows=came, last_answer_age_s=5000.0)) == []


def test_one_partition_that_stands_beside_seven_that_move_is_a_reason():
    beside = (Partition(0, 20, 0.2), Partition(5, 1200, 90.0), Partition(6, 3, 1.0))
    found = reasons(PARTS, CONNECTORS, data(rows=rows(unanswered=1223, oldest_s=95.0, partitions=beside)))
    assert found == ["1,200 rows wait for their answer in partition 5, and nothing moved there for 90 s"]


@pytest.mark.parametrize(("changes", "says"), [
    ({"rows": rows(partitions=(Partition(0, 2, 70.0), Partition(7, 1, 99.0)))}, "3 rows wait.* 0, 7,.* for 70 s"),
    ({"rows": rows(unmirrored=900, mirror_stands=True)}, "900 rows wait to be mirrored"),
    ({"slots": []}, "no replication slot"),
    ({"slots": [Slot("s", False, "reserved", 1, 1)]}, "slot s has no reader"),
    ({"slots": [Slot("s", True, "lost", 1, 1)]}, "slot s is lost"),
    ({"slots": [Slot("s", True, "unreserved", 1, 1)]}, "close to being lost"),
    ({"workers": [Worker("http://w", False, None, {})]}, "no worker is ready"),
    ({"workers": [Worker("http://a", True, 1, {}), Worker("http://b", False, None, {})]}, "http://b is not ready"),
    ({"topics": None, "unreadable": {"topics": "timed out"}}, "topics cannot be read: timed out"),
])
def test_what_is_wrong_in_the_data_is_said(changes, says):
    found = reasons(PARTS, CONNECTORS, data(**changes))
    assert len(found) == 1
    assert re.search(says, found[0])


def test_an_estimate_is_not_taken_for_a_count():
    assert rows(source=1000, answered=900, exact=False, unanswered=3).waiting == 3
    assert rows(source=1000, answered=900, unanswered=3).waiting == 100


def test_parts_connectors_and_tasks_are_named_the_most_telling_first():
    parts = PARTS | {"kafka": {"state": "backoff", "error": "exited with 1"}}
    connectors = [{"name": "a", "state": "RUNNING", "tasks": [{"id": 0, "state": "FAILED", "cause": "gone"}]},
                  {"name": "b", "state": "PAUSED", "tasks": []}, {"name": "c", "state": "RUNNING", "tasks": []}]
    assert reasons(parts, connectors, data()) == [
        "kafka is backoff: exited with 1", "task 0 of connector a is FAILED: gone", "connector b is PAUSED",
        "connector c has no task"]


def test_a_connect_that_does_not_answer_is_a_reason():
    assert reasons(PARTS, None, data()) == ["Connect does not answer, so no row moves"]
