"""What happens when a database, a slot or a right is gone for a while."""

import json
import threading
import time
from datetime import UTC, datetime

from confluent_kafka import Producer

from cargostream.records import SINK_CONNECTOR
from connectors import heal
from connectors.heal import heal_once
from connectors.recapture import recapture
from connectors.status import is_running, status
from tests.support.connect import until


def heal_until(settings, memory, ask, what, deadline_s):
    """Heal, as the runner does, until the answer is true."""
    def asked():
        heal_once(settings, memory)
        return ask()
    until(asked, what, deadline_s)


def test_a_target_that_is_away_loses_nothing_and_needs_nobody(connectors, parts, settings, insert, mirrored):
    stop, memory = threading.Event(), {}

    def runner():
        while not stop.wait(0.5):
            heal_once(settings, memory)

    parts.target.stop()
    healer = threading.Thread(target=runner)
    try:
        identity = insert("while away.jpg")
        sink = until(lambda: next((each for each in status(settings) if each["name"] == SINK_CONNECTOR
                                   and not is_running(each)), None), "the sink's failure is told", 60)
        assert sink["cause"]
        healer.start()
        until(lambda: memory and memory[SINK_CONNECTOR].tries >= 3, "the sink is restarted again and again")
        assert not memory[SINK_CONNECTOR].told
    finally:
        parts.target.start()
    try:
        until(lambda: mirrored(identity), "the row arrives after all", 30)
        until(lambda: all(map(is_running, status(settings))), "all run again")
    finally:
        stop.set()
        healer.join()


def test_a_source_that_is_away_is_followed_again(connectors, parts, settings, insert, mirrored):
    memory = {}
    parts.source.stop()
    until(lambda: heal_once(settings, memory) is not None, "one round of healing while it is away")
    parts.source.start()
    identity = insert("after the source came back.jpg")
    heal_until(settings, memory, lambda: mirrored(identity), "the row arrives", 60)


def test_a_lost_slot_is_told_and_never_made_anew(connectors, databases, settings, insert, mirrored):
    """To go on would silently lose what was written meanwhile. The way back, a new snapshot, is somebody's decision."""
    slots = "SELECT slot_name, active_pid FROM pg_replication_slots"

    def dropped():
        databases.query("source", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots", "admin")
        (slot,) = databases.query("source", slots, "admin")
        if slot["active_pid"]:
            return False
        databases.query("source", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots", "admin")
        return True
    until(dropped, "the slot is dropped")
    identity = insert("in the gap.jpg")
    try:
        until(lambda: any("slot was lost" in (each["cause"] or "") for each in status(settings)), "it is told", 60)
        memory = {}
        until(lambda: heal_once(settings, memory), "it is restarted")
        until(lambda: any("slot was lost" in (each["cause"] or "") for each in status(settings)), "it fails again", 60)
        assert databases.query("source", slots) == []
    finally:
        recapture(settings)
    until(lambda: mirrored(identity), "the snapshot brings the row of the gap", 60)


def test_a_full_disk_is_loud_and_tried_again_soon(connectors, databases, settings, insert, mirrored):
    """The database itself says so; here a trigger does, since the disk is everybody's."""
    databases.query("target", """
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device';
        END $$;
        CREATE TRIGGER a_full_disk BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION full_disk()""", "admin")
    memory = {SINK_CONNECTOR: heal.Trouble(tries=20, unexplained=20, failed_at=time.monotonic())}
    try:
        identity = insert("no room.jpg")
        until(lambda: heal_once(settings, memory), "the sink has failed and is restarted", 60)
        assert memory[SINK_CONNECTOR].told
        assert 5 < memory[SINK_CONNECTOR].next_at - time.monotonic() <= 8
    finally:
        databases.query("target", "DROP FUNCTION full_disk CASCADE", "admin")
    heal_until(settings, memory, lambda: mirrored(identity), "the row arrives once there is room", 60)
    heal_until(settings, memory, lambda: all(map(is_running, status(settings))),
               "the tasks that had no row run again too", 60)


def test_a_failure_that_is_not_for_want_of_a_database_becomes_loud(
        connectors, databases, settings, insert, mirrored, monkeypatch):
    monkeypatch.setattr(heal, "LOUD_AFTER", 2)
    databases.query("target", "REVOKE INSERT ON inbox FROM cargostream_sink", "admin")
    memory, causes, since = {}, [], datetime.now(UTC)
    try:
        identity = insert("no right to.jpg")

        def loud():
            causes.extend(each["cause"] for each in heal_once(settings, memory) if each["connector"] == SINK_CONNECTOR)
            return SINK_CONNECTOR in memory and memory[SINK_CONNECTOR].told
        until(loud, "the alarm", 60)
        assert causes[-1] == "ERROR: permission denied for table inbox"
    finally:
        databases.query("target", "GRANT INSERT ON inbox TO cargostream_sink", "admin")
    heal_until(settings, memory, lambda: mirrored(identity), "the row arrives once the right is back", 90)
    # The full disk of the test before told an alarm of its own.
    events = "SELECT severity, subject, detail FROM cargo_event WHERE kind = 'connector_failed' AND at > :since"
    (event,) = until(lambda: databases.query("target", events, since=since), "the alarm is in the table of events")
    assert (event["severity"], event["subject"]) == ("alarm", SINK_CONNECTOR)
    assert "permission denied" in event["detail"]


def test_a_connector_that_connect_has_lost_sight_of_is_restarted(connectors, settings, insert, mirrored):
    """Its word for how the connector was came after the word for how it is."""
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    producer.produce("connect-status", key=f"status-connector-{SINK_CONNECTOR}", value=json.dumps(
        {"state": "UNASSIGNED", "trace": None, "worker_id": f"{settings.host}:{settings.connect_port}",
         "generation": 1, "version": None}))
    assert producer.flush(20) == 0

    def sink():
        return next(each for each in status(settings) if each["name"] == SINK_CONNECTOR)

    until(lambda: sink()["state"] == "UNASSIGNED", "Connect has lost sight of it")
    heal_until(settings, {}, lambda: is_running(sink()), "it runs again, for Connect too", heal.STRAY_S + 20)
    identity = insert("seen again.jpg")
    until(lambda: mirrored(identity), "the row arrives")
