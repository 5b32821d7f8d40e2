"""The verification that goes on: its state, its events, its waits; the way of the records is played."""

import logging
import threading

import pytest

from cargostream.database import engine
from operations.verify.ranges import fetch
from operations.verify.settle import Outcome, settle
from operations.verify.state import State, load, save
from operations.verify.told import Notes, Trouble, slot_lost
from operations.verify.watch import Watch


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
