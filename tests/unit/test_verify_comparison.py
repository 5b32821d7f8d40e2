"""The verification's judgements: on a slot that became another, on when everything is compared, on what differs."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cargostream.cli.verify import verify_lines
from cargostream.errors import Unavailable
from operations.health import reasons
from operations.status import Data, Worker
from operations.verify.differences import Difference, Kind, Place, in_words
from operations.verify.once import Report
from operations.verify.passage import Passage, Stopped
from operations.verify.ranges import FIRST
from operations.verify.slots import Slot, change
from operations.verify.state import REST_S, State
from operations.verify.told import rows_differ, rows_repaired

THERE = Slot("cargostream", True, "reserved", restart=10, confirmed=20, txns=5, bytes=500, counts_since="a", written=30)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(("before", "now", "what"), [
    (THERE, Slot(), "lost"),
    (THERE, Slot("cargostream", False, "lost", counts_since="a"), "lost"),
    (Slot(), Slot(), None),
    (Slot(), THERE, "remade"),
    (Slot("cargostream", False, "lost"), THERE, "remade"),
    (THERE, Slot("cargostream", True, "reserved", 40, 45, txns=1, bytes=900, counts_since="a"), "remade"),
    (THERE, Slot("cargostream", True, "reserved", 40, 45, txns=9, bytes=40, counts_since="a"), "remade"),
    (THERE, Slot("cargostream", True, "reserved", 40, 45, txns=9, bytes=900, counts_since="a"), None),
    (THERE, Slot("cargostream", True, "reserved", 40, 45, txns=0, bytes=0, counts_since="after a crash"), None),
])
def test_a_slot_that_became_another(before, now, what):
    assert change(before, now) == what


def passage(*looks, patience_s=60.0, stop=False):
    """A passage that sees the slot so, look by look; there is no broker."""
    left = list(looks)
    return Passage("nowhere:1", lambda: left.pop(0) if len(left) > 1 else left[0], lambda _: stop, patience_s)


@pytest.mark.parametrize("between", [[], [Slot()]])
def test_what_was_on_its_way_when_the_slot_became_another_may_never_arrive(between):
    remade = msgspec.structs.replace(THERE, txns=0, bytes=0, confirmed=90)
    assert passage(THERE, *between, remade).wait() is False


def test_a_slot_that_nobody_reads_is_said():
    with pytest.raises(Unavailable, match="reader of the source's replication slot has not moved for 0 s"):
        passage(THERE, patience_s=0).wait()


def test_a_wait_ends_when_the_process_is_to_end():
    with pytest.raises(Stopped):
        passage(THERE, stop=True).wait()


def test_sweeps_follow_each_other_with_a_rest():
    state = State()
    assert state.begin(NOON)
    assert state.swept_to == FIRST
    state.swept_to, state.swept_rows = 700, 500
    assert state.begin(NOON + timedelta(hours=1)), "the one under way goes on"
    assert (state.swept_to, state.swept_rows) == (700, 500)
    state.end(NOON + timedelta(hours=1))
    assert state.ended_rows == 500
    assert not state.begin(NOON + timedelta(hours=1, seconds=REST_S / 2))
    assert state.begin(NOON + timedelta(hours=1, seconds=REST_S + 1))
    assert (state.swept_to, state.swept_rows) == (FIRST, 0)


def test_a_cause_begins_the_sweep_anew_once_and_hurries_it():
    state = State()
    state.begin(NOON)
    state.swept_to = 700
    assert not state.urgent
    state.cause_at = NOON + timedelta(seconds=5)
    assert state.urgent
    assert state.begin(NOON + timedelta(seconds=6))
    assert state.swept_to == FIRST
    state.swept_to = 900
    assert state.begin(NOON + timedelta(seconds=7))
    assert state.swept_to == 900
    assert state.urgent
    state.end(NOON + timedelta(seconds=8))
    assert not state.urgent
    assert not state.begin(NOON + timedelta(seconds=9))


def test_messages_name_kinds_and_some_ids():
    found = [Difference(n, Kind.NOT_ANSWERED if n else Kind.ONLY_MIRRORED, "1", Place(1, 0, n), None, False)
             for n in range(8)]
    alarm = rows_differ(found, repairing=False)
    assert (alarm.kind, alarm.severity) == ("rows_differ", "alarm")
    assert "1 left over in the mirror, 7 without a prediction (ids 0, 1, 2, 3, 4, …)" in alarm.detail
    assert "verify --repair" in alarm.detail
    assert rows_repaired(Counter({Kind.NOT_MIRRORED: 3})).detail.endswith("repaired: 3 not mirrored.")
    assert in_words(Counter()) == ""


def test_a_report_counts_what_is_mended_and_what_still_stands():
    report = Report()
    found = {n: Difference(n, Kind.NOT_MIRRORED, "1", None, None, False) for n in range(3)}
    report.add(found, {2: found[2]})
    assert (report.found, report.repaired, report.differing) == ({"not mirrored": 3}, {"not mirrored": 2}, 1)
    assert [one.id for one in report.standing] == [2]


@pytest.mark.parametrize(("state", "words"), [
    ({}, []),
    ({"swept_rows": 5000, "ended_at": None, "ended_rows": None, "found": 0, "repaired": 0, "standing": 0,
      "conflicts": 0},
     ["5,000 rows compared in the first sweep; 0 differed so far, 0 repaired, 0 still differ"]),
    ({"swept_rows": 0, "ended_at": "2026-11-21T12:00:00Z", "ended_rows": 7000, "found": 3, "repaired": 2,
      "standing": 1, "conflicts": 0},
     ["all 7,000 rows compared by 2026-11-21T12:00:00Z; 3 differed so far, 2 repaired, 1 still differ"])])
def test_status_says_how_far_it_is(state, words):
    assert [line for _, line in verify_lines({"verified": state})] == words


def test_rows_that_still_differ_are_unhealthy():
    told = [reasons({}, [], Data(workers=[Worker("a", True, 1, {})], verified={"standing": n})) for n in (0, 2)]
    assert told[0] == []
    assert "2 rows differ" in told[1][0]
