"""A source connector that says it runs and does not read its slot is restarted; one at a snapshot is not."""

import pytest
from sqlalchemy import text

from cargostream.database import engine
from cargostream.records import SOURCE_CONNECTOR
from connectors import capture
from connectors.apply import apply, halt
from connectors.capture import Capture, watch_capture
from connectors.desired import desired
from connectors.rest import answer, connect
from connectors.status import is_running, status
from tests.support.connect import until


@pytest.fixture
def reads_another_slot(connectors, settings, databases):
    """The connector runs, and is at a slot that is not its own."""
    halt(settings, [SOURCE_CONNECTOR])
    until(lambda: databases.query("source", "SELECT pg_copy_logical_replication_slot(slot_name, 'another') "
                                  "FROM pg_replication_slots WHERE NOT active", "admin"), "a slot at the same place")
    with connect(settings) as client:
        config = desired(settings)[SOURCE_CONNECTOR] | {"slot.name": "another"}
        answer(client.put(f"/connectors/{SOURCE_CONNECTOR}/config", json=config))
        answer(client.put(f"/connectors/{SOURCE_CONNECTOR}/resume"))
    until(lambda: all(map(is_running, status(settings))), "it runs")
    until(lambda: databases.query(
        "source", "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'another' AND active"), "it reads another")
    yield
    apply(settings)
    until(lambda: databases.query(
        "source", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
        "WHERE slot_name = 'another' AND NOT active", "admin"), "the other slot is dropped")


def test_it_is_restarted_and_told(reads_another_slot, settings, databases, monkeypatch):
    memory = Capture()
    assert not watch_capture(settings, memory), "before its time"
    monkeypatch.setattr(capture, "DEAF_S", 0.0)
    assert watch_capture(settings, memory)
    assert memory.restarts == 1
    apply(settings)
    until(lambda: databases.query("target", "SELECT 1 FROM cargo_event WHERE kind = 'capture_cut_off'"), "it is told")
    monkeypatch.undo()  # its task starts anew, so that its own slot is read, left, and read again

    def calm():
        return not watch_capture(settings, memory) and memory == Capture()
    until(calm, "its own slot is read, and all is forgotten")


def test_a_snapshot_is_let_be(reads_another_slot, settings, monkeypatch):
    monkeypatch.setattr(capture, "DEAF_S", 0.0)
    snapshot = engine(settings, "source", "capture")
    try:
        with snapshot.begin() as connection:
            connection.execute(text("SELECT pg_sleep(1.2)"))
            connection.execute(text("SELECT 1"))
            assert not watch_capture(settings, Capture())
    finally:
        snapshot.dispose()
