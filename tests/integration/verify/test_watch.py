"""The verification that goes on: its state, its events, its waits; the way of the records is played."""

import logging
import threading
import time

import msgspec
import pytest

from cargostream.database import engine
from cargostream.records import INGEST_TOPIC, PREDICTIONS_TOPIC
from operations.verify import rises
from operations.verify.ranges import fetch
from operations.verify.settle import Outcome, settle
from operations.verify.state import State, load, save
from operations.verify.told import Notes, Trouble, slot_lost
from operations.verify.watch import Watch
from tests.support.answers import GOOD


@pytest.fixture
def state(databases):
    """The saved state is forgotten before and after."""
    def forget():
        databases.query("target", "DELETE FROM verify_state", "admin")
    forget()
    yield
    forget()


def test_the_state_is_kept_as_it_is(rows, state):
    _, target = rows.engines
    assert load(target) == State()
    (now,) = fetch(target, "verify_causes")
    kept = State(swept_to=-5, swept_rows=7, began_at=now["now"], found=3, repaired=2, standing=1)
    save(target, kept)
    assert load(target) == kept
    kept.end(now["now"])
    save(target, kept)
    assert load(target) == kept


def test_a_missing_slot_is_told_once(rows, state, databases):
    """The test's server has none."""
    heard = []
    watch = Watch(databases.settings, *rows.engines, None, lambda event: not heard.append(event), threading.Event(),
                  lambda: None)
    watch.state = load(rows.engines[1])
    for _ in range(3):
        watch.look_at_slot()
    assert [(event.kind, event.severity) for event in heard] == [("slot_lost", "alarm")]
    assert load(rows.engines[1]).slot.lost


def test_an_event_that_is_not_taken_is_sent_later():
    tries = []
    notes = Notes(lambda event: bool(tries.append(event)) or len(tries) > 1)
    notes.add(slot_lost("a"))
    for _ in range(3):
        notes.send()
    assert len(tries) == 2


def test_a_database_that_is_away_is_waited_for_and_told_once(rows, databases, caplog):
    nowhere = engine(databases.settings.model_copy(update={"target_port": 1}), "target", "operator")
    stop, signs = threading.Event(), []

    def looked():
        signs.append(1)
        if len(signs) > 2:
            stop.set()

    watch = Watch(databases.settings, rows.engines[0], nowhere, None, lambda _: True, stop, looked)
    with caplog.at_level(logging.INFO):
        watch.run()
    nowhere.dispose()
    assert [record.getMessage().startswith("The verification waits") for record in caplog.records] == [True]


def test_a_trouble_is_told_before_its_repair_and_once(rows, databases, monkeypatch):
    heard = []
    notes = Notes(lambda event: not heard.append(event))
    trouble = Trouble(notes, repairing=False)
    monkeypatch.setattr("operations.verify.told.CALM_S", 0.0)

    class Way:
        def wait(self):
            return True

    for _ in range(2):
        outcome = settle(*rows.engines, Way(), rows.insert(2), None, trouble.begin)
        trouble.judge(outcome, len(outcome.standing))
    trouble.judge(Outcome(), 4)
    assert [event.kind for event in heard] == ["rows_differ"]
    for _ in range(2):
        trouble.judge(Outcome(), 0)
        notes.send()
    assert [event.kind for event in heard] == ["rows_differ", "rows_repaired"]


def one_round(databases, rows, monkeypatch, differing=(), repairs=None):
    """Let it look once, at a table in which these ids differ; the kinds of what it tells."""
    heard, stop = [], threading.Event()
    monkeypatch.setattr("operations.verify.watch.compare", lambda *_: (len(differing), set(differing)))
    Watch(databases.settings, *rows.engines, repairs, lambda event: not heard.append(event.kind), stop, stop.set).run()
    return heard


class Way:
    """On which nothing is."""

    def wait(self):
        return True


def test_what_differed_is_counted_before_its_repair(rows, state, databases, monkeypatch):
    """Whoever judges the pipeline meanwhile sees that a row owes its answer to the verification."""
    counted = []

    class Repairs:
        def repair(self, due, again):
            counted.append(load(rows.engines[1]).found)
            rows.mirror(missing)
            rows.answer(missing)

        def try_again(self, *_):
            return 0

    monkeypatch.setattr("operations.verify.watch.MissingFiles", lambda *_: Repairs())
    monkeypatch.setattr("operations.verify.watch.Passage", lambda *_: Way())
    missing = rows.insert(3)
    one_round(databases, rows, monkeypatch, missing, Repairs())
    assert counted == [3]
    kept = load(rows.engines[1])
    assert (kept.found, kept.repaired, kept.standing) == (3, 3, 0)


def test_what_somebody_else_mended_stands_no_more(rows, state, databases, monkeypatch):
    missing, stop, until, mended = rows.insert(2), threading.Event(), time.monotonic() + 30, []
    monkeypatch.setattr("operations.verify.watch.Passage", lambda *_: Way())
    monkeypatch.setattr("operations.verify.watch.compare", lambda *_: (2, set(missing)))
    monkeypatch.setattr("operations.verify.watch.EVERY_S", 0.01)

    def looked():
        standing = load(rows.engines[1]).standing
        if standing == 2 and not mended:
            rows.mirror(missing)
            rows.answer(missing)
            mended.append(True)
        if (mended and standing == 0) or time.monotonic() > until:
            stop.set()

    Watch(databases.settings, *rows.engines, None, lambda _: True, stop, looked).run()
    assert mended
    assert load(rows.engines[1]).standing == 0


@pytest.fixture
def seen(rows, state, monkeypatch):
    """What has risen by now is known; `look` tells what has risen since."""
    monkeypatch.setattr(rises, "SETTLE_S", 0.0)
    known = State()
    list(rises.look(*rows.engines, known))
    return lambda: [(event.kind, event.severity, event.subject, event.detail)
                    for event in rises.look(*rows.engines, known)]


def test_refused_records_are_told_once_for_each_rise(rows, databases, seen):
    for server, topic, many in (("source", INGEST_TOPIC, 2), ("target", PREDICTIONS_TOPIC, 1)):
        for _ in range(many):
            databases.deliver(server, topic, b'["\x1b[2J"]')
    told = seen()
    assert [one[:3] for one in told] == [("records_refused", "alarm", "source"), ("records_refused", "alarm", "target")]
    assert "cargo-ingest, 2 more" in told[0][3]
    assert "cargo-predictions, 1 more" in told[1][3]
    assert not any("\x1b" in one[3] for one in told)
    assert seen() == []
    databases.deliver("target", PREDICTIONS_TOPIC, b"[]")
    assert [one[:3] for one in seen()] == [("records_refused", "alarm", "target")]


def test_refused_records_that_are_handled_already_are_not_told(rows, databases, seen):
    databases.deliver("target", PREDICTIONS_TOPIC, b"[1]")
    databases.query("target", "UPDATE refused SET handled = 'dismissed', handled_at = now(), handled_by = 'me' "
                              "WHERE payload = '[1]'")
    assert seen() == []


def test_what_was_refused_a_moment_ago_is_told_at_the_next_look(rows, databases, seen, monkeypatch):
    monkeypatch.setattr(rises, "SETTLE_S", 60.0)
    databases.deliver("target", PREDICTIONS_TOPIC, b"[2]")
    assert seen() == []
    monkeypatch.setattr(rises, "SETTLE_S", 0.0)
    assert len(seen()) == 1


def test_answers_that_contradict_each_other_are_told_once_for_each_rise(rows, databases, seen):
    (identity,) = rows.whole()
    assert seen() == []

    def contradict(label):
        (row,) = databases.query("target", "SELECT * FROM cargo_prediction WHERE source_id = :id", id=identity)
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
            GOOD, label=label, **{name: row[name] for name in ("source_id", "source_epoch", "source_partition",
                                                               "source_offset", "image_path", "image_sha256")})))

    contradict("wood")
    (told,) = seen()
    assert told[:3] == ("answers_conflict", "alarm", "cargo_prediction_history")
    assert f"1 more than before; the first stands (newest ids: {identity}" in told[3]
    assert seen() == []
    contradict("ground")
    assert [one[0] for one in seen()] == ["answers_conflict"]


def test_a_round_tells_them_and_remembers(rows, state, databases, monkeypatch):
    monkeypatch.setattr(rises, "SETTLE_S", 0.0)
    databases.deliver("target", PREDICTIONS_TOPIC, b"[3]")
    assert "records_refused" in one_round(databases, rows, monkeypatch)
    assert "records_refused" not in one_round(databases, rows, monkeypatch)
