"""Records that are answered again: behind live rows, each with its own coordinates, and none lost."""

import signal
from datetime import datetime

from cargostream.records import REPLAY_GROUP, REPLAY_TOPIC, SOURCE_TOPIC, Prediction
from tests.support.fatal import fatal_decoder
from tests.support.workers import Rig

LONG_S = 240


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def repeats(rig: Rig) -> list[Prediction]:
    return [answer for answer in rig.predictions() if answer.attempt]


def acknowledged(rig: Rig) -> int:
    return sum(rig.committed(REPLAY_GROUP).values())


def put(rig: Rig, count: int, attempt: int = 1) -> None:
    for source_id in range(count):
        rig.repeat(source_id, attempt)
    assert rig.producer.flush(60) == 0


def test_a_record_is_answered_again_with_its_own_coordinates(rig: Rig) -> None:
    rig.stream(0, 40)
    rig.repeat(17, attempt=3)
    rig.repeat(18, epoch=7, offset=1000)
    rig.start()
    rig.wait("both acknowledged", lambda: acknowledged(rig) == 2)
    found = {a.source_id: (a.source_epoch, a.source_partition, a.source_offset, a.attempt, a.purpose, a.target)
             for a in repeats(rig)}
    assert found == {17: (1, 1, 2, 3, "current", 2), 18: (7, 2, 1000, 1, "current", 3)}
    rig.wait("live rows answered", lambda: sum(rig.committed().values()) == 40)
    assert rig.health()["replays"] == {"answered": 2}


def test_live_rows_go_first(rig: Rig) -> None:
    rig.stream(0, 1)
    rig.start()
    rig.ready()
    put(rig, 2000)
    rig.wait("repeats flow", lambda: len(repeats(rig)) >= 50, LONG_S)
    rig.stream(1, 1000)
    rig.wait("live rows answered", lambda: sum(rig.committed().values()) == 1001, LONG_S)
    rig.wait("repeats answered", lambda: acknowledged(rig) == 2000, LONG_S)
    live = [a for a in rig.predictions() if not a.attempt and a.source_id]
    first, last = (pick(moment(a.predicted_at) for a in live) for pick in (min, max))
    between = sum(first < moment(a.predicted_at) < last for a in repeats(rig))
    after = sum(moment(a.predicted_at) > last for a in repeats(rig))
    assert after > 500, "the repeats were through too soon to show anything"
    assert between < 100, "repeats were answered while live rows waited"


def test_a_worker_that_is_killed_among_repeats_loses_none(rig: Rig) -> None:
    rig.stream(0, 1500)
    put(rig, 1500)
    for round_ in range(2):
        worker = rig.start()
        due = 300 * (round_ + 1)
        rig.wait(f"{due} repeats", lambda due=due: len({a.source_id for a in repeats(rig)}) >= due, LONG_S)
        worker.kill()
        worker.wait(timeout=30)
        answered = {(a.source_partition, a.source_offset) for a in repeats(rig)}
        committed = rig.committed(REPLAY_GROUP)
        assert {(p, offset) for p, end in committed.items() for offset in range(end)} <= answered
        assert acknowledged(rig) < 1500, "killed too late to show anything"
    rig.start()
    rig.wait("all acknowledged", lambda: acknowledged(rig) == 1500, LONG_S)
    found = repeats(rig)
    assert {(a.source_id, a.attempt) for a in found} == {(n, 1) for n in range(1500)}
    assert all(a.target == a.source_id % 5 for a in found)
    rig.wait("live rows answered", lambda: sum(rig.committed().values()) == 1500, LONG_S)


def test_a_worker_that_is_told_to_stop_leaves_no_repeat_to_be_repeated(rig: Rig) -> None:
    rig.stream(0, 1)
    put(rig, 2000)
    worker = rig.start()
    rig.wait("some answers", lambda: len(repeats(rig)) >= 100, LONG_S)
    worker.terminate()
    assert worker.wait(timeout=40) == 0
    assert 100 <= len(repeats(rig)) < 2000
    assert acknowledged(rig) == len(repeats(rig))
    assert "giving up" not in rig.log()


def test_what_cannot_be_read_becomes_a_dead_letter_and_stops_nothing(rig: Rig) -> None:
    rig.stream(0, 5)
    rig.repeat(1, epoch=0)
    rig.repeat(2, partition=3)
    rig.producer.produce(REPLAY_TOPIC, key=b"k", value=b"v", partition=5)
    rig.producer.produce(REPLAY_TOPIC, key=b"k", value=b"no row", partition=5, headers=[
        ("epoch", b"1"), ("partition", b"5"), ("offset", b"9"), ("attempt", b"2")])
    rig.repeat(4)
    rig.start()
    rig.wait("all acknowledged", lambda: acknowledged(rig) == 5)
    assert [(a.source_id, a.target) for a in repeats(rig)] == [(4, 4)]
    letters = {(h["topic"], h["partition"], h["offset"]): h for *_, h in rig.dead_letters()}
    reasons = {at: (h["stage"], h["code"], h["attempt"], h["reason"]) for at, h in letters.items()}
    assert reasons == {
        (REPLAY_TOPIC, "1", "0"): ("replay", "invalid_message", "0", "the header epoch is '0', which it cannot be"),
        (REPLAY_TOPIC, "2", "0"): ("replay", "invalid_message", "0", "the header partition says 3"),
        (REPLAY_TOPIC, "5", "0"): ("replay", "invalid_message", "0", "the header epoch is missing"),
        (SOURCE_TOPIC, "5", "9"): ("read", "invalid_message", "2", "the key is not {\"id\": n}"),
    }


def test_a_repeat_that_ends_the_process_is_answered_and_no_other_suffers(rig: Rig) -> None:
    fatal_decoder(rig)
    rig.stream(0, 1)
    (rig.images / "brick/1.png").write_bytes(b"deadly")  # rows 1, 6 and 11
    put(rig, 15, attempt=2)
    for _ in range(7):
        worker = rig.start()
        rig.wait("an end", lambda worker=worker: worker.poll() is not None or acknowledged(rig) == 15, LONG_S)
        if worker.poll() is None:
            break
        assert worker.returncode == -signal.SIGSEGV
    found = {(a.source_id, a.attempt): (a.status, a.error_code) for a in repeats(rig)}
    assert found.keys() == {(source_id, 2) for source_id in range(15)}
    assert all(answer == (("rejected", "crashed_worker") if source_id % 5 == 1 else ("predicted", None))
               for (source_id, _), answer in found.items())
