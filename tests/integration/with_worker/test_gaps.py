"""Offsets that never come are told apart: nothing was there, or records were lost."""


import msgspec
from confluent_kafka import Producer, TopicPartition

from cargostream.images import MARKER
from cargostream.records import EVENTS_TOPIC, SOURCE_TOPIC, Event
from tests.support.kafka import read_all
from tests.support.workers import Rig


def remove(rig: Rig, partition: int, before: int) -> None:
    """Let the broker forget the source topic's records below an offset, as retention does."""
    admin = rig.broker.admin()
    (future,) = admin.delete_records([TopicPartition(SOURCE_TOPIC, partition, before)]).values()
    future.result(30)


def events(rig: Rig) -> list[Event]:
    return [msgspec.json.decode(r.value() or b"", type=Event)
            for r in read_all(rig.broker.settings.bootstrap, EVENTS_TOPIC)]


def test_records_that_were_removed_unread_are_an_alarm(rig: Rig) -> None:
    rig.stream(0, 80)
    remove(rig, 3, 6)
    rig.start()
    rig.wait("the rest answered", lambda: len(rig.predictions()) == 74)
    assert [(e.kind, e.severity) for e in events(rig)] == [("offsets_lost", "alarm")]
    assert "partition 3" in events(rig)[0].subject


def test_records_that_are_removed_before_a_slow_worker_comes_to_them_are_an_alarm(rig: Rig) -> None:
    """The worker stands still, its buffers full, while the records behind those go."""
    rig.start(window=1)
    rig.ready()
    rig.draw("wood/1.png", 4)
    (rig.images / MARKER).unlink()
    for source_id in range(3, 8 * 6000, 8):
        rig.row(source_id, "wood/none.png", op="d" if source_id > 3 else "c")
    assert rig.producer.flush(60) == 0
    rig.wait("a row waits", lambda: rig.health().get("waiting") == 1)
    remove(rig, 3, 5990)
    (rig.images / MARKER).touch()
    rig.wait("the end is reached", lambda: rig.committed().get(3) == 6000)
    answered = {a.source_offset for a in rig.predictions()}
    assert answered < set(range(6000)), "nothing was lost: removed too late to show anything"
    assert set(range(5990, 6000)) <= answered
    (event,) = events(rig)
    assert (event.kind, event.severity) == ("offsets_lost", "alarm")
    lost = sorted(set(range(6000)) - answered)
    assert f"records {lost[0]} to {lost[-1]} were removed" in event.detail
    assert "giving up" not in rig.log()


def test_transaction_markers_are_no_missing_records(rig: Rig) -> None:
    rig.producer = Producer({"bootstrap.servers": rig.broker.settings.bootstrap, "transactional.id": "connect"})
    rig.producer.init_transactions(30)
    for first in (0, 40):
        rig.producer.begin_transaction()
        rig.stream(first, 40)
        rig.producer.commit_transaction(30)
        worker = rig.start()
        rig.wait("answers", lambda first=first: len(rig.predictions()) == first + 40)
        worker.terminate()
        assert worker.wait(timeout=40) == 0
    assert sorted(a.source_id for a in rig.predictions()) == list(range(80))
    assert "giving up" not in rig.log()
