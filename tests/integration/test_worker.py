"""A real worker on a real broker: every record is answered once it matters, and nothing is acknowledged before."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition

from cargostream.images import MARKER
from cargostream.labels import CARGO_LABELS
from cargostream.records import EVENTS_TOPIC, PARTITIONS, SOURCE_TOPIC, Event
from tests.support.images import BAD_IMAGES
from tests.support.kafka import Broker, read_all, running_broker
from tests.support.postgres import free_port
from tests.support.settings import settings_for
from tests.support.workers import Rig, picture


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    settings = settings_for(tmp_path_factory.mktemp("broker"), "unused", kafka_port=free_port(),
                            controller_port=free_port())
    with running_broker(settings) as running:
        yield running


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, broker)
    yield rig
    rig.stop()


def stream(rig: Rig, first: int, count: int) -> None:
    """Rows with images of every class in turn."""
    for target, label in enumerate(CARGO_LABELS):
        if not (rig.images / f"{label}/1.png").exists():
            rig.draw(f"{label}/1.png", target)
    for source_id in range(first, first + count):
        rig.row(source_id, f"{CARGO_LABELS[source_id % 5]}/1.png")
    assert rig.producer.flush(60) == 0


def assert_all_answered(rig: Rig, count: int) -> None:
    """Rows 0 to count-1 of `stream` are predicted right, and the group knows that they are."""
    answers = rig.predictions()
    assert {a.source_id for a in answers} == set(range(count))
    assert all(a.target == a.source_id % 5 for a in answers)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == count)


def assert_commits_are_covered(rig: Rig) -> None:
    """No committed offset lies beyond a record without an answer."""
    committed = rig.committed()
    answered = {(a.source_partition, a.source_offset) for a in rig.predictions()}
    assert {(p, offset) for p, end in committed.items() for offset in range(end)} <= answered


def test_good_bad_and_unreadable_records_each_get_what_they_are_due(rig: Rig) -> None:
    expected: dict[int, tuple[str, str | int | None]] = {}
    for number, (name, (make, code)) in enumerate(BAD_IMAGES.items()):
        make(rig.images / name)
        rig.row(1000 + number, name)
        expected[1000 + number] = ("rejected", code)
    rig.row(2000, "../secret.png")
    rig.row(2001, "wood/none.png")
    rig.row(2002, "wood/1.png", sha256="0" * 64)
    rig.row(2003, None)
    rig.row(2004, "wood/1.png", op="d")
    rig.row(2005, "wood/1.png", op="u", __before_image_path="wood/1.png", target=4)
    rig.row(2006, "wood/1.png", op="u", __before_image_path="brick/1.png")
    expected |= {2000: ("rejected", "path_not_allowed"), 2001: ("rejected", "file_not_found"),
                 2002: ("rejected", "checksum_mismatch"), 2003: ("rejected", "invalid_message"),
                 2004: ("deleted", None), 2006: ("predicted", None)}
    unreadable = [(None, b"{}"), (b'{"id": 1}', None), (b'{"id": 1}', b"null"), (b'{"id": 1}', b"\0\0\0\0\1"),
                  (b'{"id": 1}', b"[" * 100_000), (b'{"id": "x"}', b'{"id": 1}'), (b'{"id": 1}', b"x" * 1_040_000)]
    for key, value in unreadable:
        rig.record(key, value, 3)
    stream(rig, 0, 100)
    expected |= dict.fromkeys(range(100), ("predicted", None))
    records = len(expected) + 1 + len(unreadable)

    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == records)
    answers = rig.predictions()
    assert {a.source_id: (a.status, a.error_code) for a in answers} == expected
    assert len(answers) == len(expected)
    letters = rig.dead_letters()
    assert sorted(map(str, ((key, (value or b"")[:1000]) for key, value, _ in letters))) == sorted(
        map(str, ((key, (value or b"")[:1000]) for key, value in unreadable)))
    assert len({(h["partition"], h["offset"]) for *_, h in letters}) == len(unreadable)
    assert all(h["topic"] == SOURCE_TOPIC and h["reason"] for *_, h in letters)
    assert [h["cut_from"] for *_, h in letters if "cut_from" in h] == ["1040000"]
    counts = rig.health()["counts"]
    assert counts["unreadable"] == len(unreadable)
    assert counts["unchanged"] == counts["deleted"] == 1


def test_a_killed_worker_loses_nothing_and_had_acknowledged_nothing_unanswered(rig: Rig) -> None:
    stream(rig, 0, 3000)
    for round_ in range(3):
        worker = rig.start()
        due = 600 * (round_ + 1)
        rig.wait(f"{due} answers", lambda due=due: len({a.source_id for a in rig.predictions()}) >= due)
        worker.kill()
        worker.wait(timeout=30)
        assert_commits_are_covered(rig)
        assert sum(rig.committed().values()) < 3000, "killed too late to show anything"
    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 3000)
    assert_all_answered(rig, 3000)


def test_a_worker_that_is_told_to_stop_leaves_nothing_to_repeat(rig: Rig) -> None:
    stream(rig, 0, 2000)
    worker = rig.start()
    rig.wait("some answers", lambda: len(rig.predictions()) >= 300)
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(timeout=40) == 0
    assert time.monotonic() - began < 30
    answers = rig.predictions()
    assert 300 <= len(answers) < 2000
    assert sum(rig.committed().values()) == len(answers)
    assert "giving up" not in rig.log()


def test_a_worker_that_slept_through_a_rebalance_moves_no_offset_back(rig: Rig) -> None:
    stream(rig, 0, 1500)
    sleeper = rig.start(0)
    rig.wait("some answers", lambda: len(rig.predictions()) >= 200)
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert_commits_are_covered(rig)
    rig.start(1)
    rig.ready(1)
    rig.wait("the other has it all", lambda: rig.health(1).get("partitions") == list(range(PARTITIONS)))
    stream(rig, 1500, 500)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 2000)
    os.kill(sleeper.pid, signal.SIGCONT)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert sum(rig.committed().values()) == 2000
        time.sleep(0.1)
    stream(rig, 2000, 200)
    rig.wait("work goes on", lambda: sum(rig.committed().values()) == 2200)
    assert_all_answered(rig, 2200)


def test_two_workers_share_the_partitions_and_one_takes_all_when_the_other_dies(rig: Rig) -> None:
    first, _ = rig.start(0), rig.start(1)
    rig.wait("four each", lambda: [len(rig.health(n).get("partitions") or ()) for n in (0, 1)] == [4, 4])
    stream(rig, 0, 400)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 400)
    assert all(rig.health(n)["counts"]["predicted"] > 0 for n in (0, 1))
    first.kill()
    stream(rig, 400, 400)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 800)
    assert_all_answered(rig, 800)


def test_a_broker_that_dies_and_comes_back_costs_time_only(rig: Rig) -> None:
    stream(rig, 0, 1500)
    rig.start()
    rig.wait("some answers", lambda: len(rig.predictions()) >= 200)
    rig.broker.kill()
    rig.broker.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 1500, timeout_s=120)
    assert_all_answered(rig, 1500)


# A signal that a process sends itself may reach it a moment later, in another thread, at another record: the crash has
# to be one.
FATAL = """
import ctypes
from PIL import Image
really_open = Image.open
def open_or_die(file, *args, **kwargs):
    if b"deadly" in file.getvalue():
        FAULT
    return really_open(file, *args, **kwargs)
Image.open = open_or_die
"""


@pytest.mark.parametrize(("fault", "status"), [
    ("ctypes.string_at(0)", -signal.SIGSEGV), ("raise MemoryError", 1),
])
def test_a_record_that_ends_the_process_is_answered_and_no_other_suffers(
    rig: Rig, tmp_path: Path, fault: str, status: int
) -> None:
    """The decoder is made to fail on one file, in every process that Python starts here."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults/sitecustomize.py").write_text(FATAL.replace("FAULT", fault))
    rig.variables["PYTHONPATH"] = str(tmp_path / "faults")
    (rig.images / "deadly.png").write_bytes(b"deadly")
    stream(rig, 0, 50)
    rig.row(50, "deadly.png")
    stream(rig, 51, 50)
    worker = rig.start()
    assert worker.wait(timeout=60) == status
    assert_commits_are_covered(rig)
    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 101)
    answers = {a.source_id: (a.status, a.error_code) for a in rig.predictions()}
    assert answers == dict.fromkeys(range(101), ("predicted", None)) | {50: ("rejected", "crashed_worker")}
    assert rig.log().count("under suspicion") <= 3, "more suspects than threads, and the record given up for"


def test_an_image_may_be_a_little_late(rig: Rig) -> None:
    rig.start(image_patience_s=5)
    rig.ready()
    rig.row(1, "wood/late.png")
    rig.row(2, "wood/never.png")
    stream(rig, 5, 5)
    rig.wait("the others answered", lambda: len(rig.predictions()) == 5)
    rig.draw("wood/late.png", 4)
    rig.wait("all answered", lambda: len(rig.predictions()) == 7)
    answers = {a.source_id: (a.status, a.error_code) for a in rig.predictions()}
    assert (answers[1], answers[2]) == (("predicted", None), ("rejected", "file_not_found"))


def test_without_its_store_a_worker_waits_and_answers_nothing(rig: Rig) -> None:
    (rig.images / MARKER).unlink()
    rig.row(1, "wood/1.png")
    rig.producer.flush(30)
    rig.start(image_patience_s=0)
    rig.wait("a row waits", lambda: rig.health().get("waiting") == 1)
    time.sleep(1.5)
    assert rig.predictions() == []
    assert rig.committed() == {}
    rig.draw("wood/1.png", 4)
    (rig.images / MARKER).touch()
    rig.wait("an answer", lambda: [a.status for a in rig.predictions()] == ["predicted"])


def remove(rig: Rig, partition: int, before: int) -> None:
    """Let the broker forget the source topic's records below an offset, as retention does."""
    admin = rig.broker.admin()
    (future,) = admin.delete_records([TopicPartition(SOURCE_TOPIC, partition, before)]).values()
    future.result(30)


def events(rig: Rig) -> list[Event]:
    return [msgspec.json.decode(r.value() or b"", type=Event)
            for r in read_all(rig.broker.settings.bootstrap, EVENTS_TOPIC)]


def test_records_that_were_removed_unread_are_an_alarm(rig: Rig) -> None:
    stream(rig, 0, 80)
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
        stream(rig, first, 40)
        rig.producer.commit_transaction(30)
        worker = rig.start()
        rig.wait("answers", lambda first=first: len(rig.predictions()) == first + 40)
        worker.terminate()
        assert worker.wait(timeout=40) == 0
    assert sorted(a.source_id for a in rig.predictions()) == list(range(80))
    assert "giving up" not in rig.log()


def test_a_topic_that_was_made_anew_is_not_worked_on(rig: Rig) -> None:
    run = rig.home / "run/topics.json"
    run.write_text(run.read_text().replace(msgspec.json.decode(run.read_bytes())[SOURCE_TOPIC]["id"], "another"))
    worker = rig.start()
    assert worker.wait(timeout=60) == 1
    assert "giving up" in rig.log()
    assert "not the one that the stack made" in rig.log()


def test_a_second_worker_of_the_same_index_is_refused_and_the_first_goes_on(rig: Rig) -> None:
    rig.start()
    rig.ready()
    assert rig.start().wait(timeout=60) == 2
    assert "Worker 0" in rig.log()
    assert "Traceback" not in rig.log()
    stream(rig, 0, 20)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 20)


def test_without_a_model_nothing_is_consumed(rig: Rig) -> None:
    (rig.home / "models/champion.json").unlink()
    stream(rig, 0, 10)
    worker = rig.start()
    rig.wait("health answers", lambda: rig.health().get("reason") == "no model")
    time.sleep(1)
    assert rig.committed() == {}
    assert rig.predictions() == []
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=30) == 0


def test_a_damaged_model_in_the_cache_never_serves(rig: Rig) -> None:
    (model,) = (rig.home / "models").glob("*/model.onnx")
    model.write_bytes(model.read_bytes()[:-10])
    rig.start()
    rig.wait("refused", lambda: "cached model refused" in rig.log())
    assert rig.health()["reason"] == "no model"


def test_the_log_holds_no_payload(rig: Rig) -> None:
    rig.record(b'{"id": 1}', b"seeded-canary", 1)
    rig.row(2, "canary/\u202epath.png")
    rig.producer.flush(30)
    rig.start(log_json=True)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 2)
    assert "canary" not in rig.log()
    assert all(msgspec.json.decode(line)["message"] for line in rig.log().splitlines())


def test_an_unchanged_picture_has_the_same_digest_as_its_file(rig: Rig, tmp_path: Path) -> None:
    (rig.images / "x.png").write_bytes(picture(2, seed=7))
    rig.row(1, "x.png")
    rig.producer.flush(30)
    rig.start()
    rig.wait("an answer", lambda: len(rig.predictions()) == 1)
    done = subprocess.run(["sha256sum", rig.images / "x.png"], capture_output=True, text=True, check=True)
    assert rig.predictions()[0].image_sha256 == done.stdout.split()[0]
