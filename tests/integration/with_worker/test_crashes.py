"""A worker, or its broker, is ended in every way: each record is answered, and none acknowledged before."""

import signal
import time

import pytest

from tests.support.fatal import fatal_decoder
from tests.support.workers import Rig


def test_a_killed_worker_loses_nothing_and_had_acknowledged_nothing_unanswered(rig: Rig) -> None:
    rig.stream(0, 3000)
    for round_ in range(3):
        worker = rig.start()
        due = 600 * (round_ + 1)
        rig.wait(f"{due} answers", lambda due=due: len({a.source_id for a in rig.predictions()}) >= due)
        worker.kill()
        worker.wait(timeout=30)
        rig.assert_commits_are_covered()
        assert sum(rig.committed().values()) < 3000, "killed too late to show anything"
    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 3000)
    rig.assert_all_answered(3000)


def test_a_worker_that_is_told_to_stop_leaves_nothing_to_repeat(rig: Rig) -> None:
    rig.stream(0, 2000)
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


def test_a_broker_that_dies_and_comes_back_costs_time_only(rig: Rig) -> None:
    rig.stream(0, 1500)
    rig.start()
    rig.wait("some answers", lambda: len(rig.predictions()) >= 200)
    rig.broker.kill()
    rig.broker.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 1500, timeout_s=120)
    rig.assert_all_answered(1500)
    assert len(rig.log().splitlines()) < 200, "a worker without a broker fills its log"


@pytest.mark.parametrize(("fault", "status"), [
    ("ctypes.string_at(0)", -signal.SIGSEGV), ("raise MemoryError", 1),
])
def test_a_record_that_ends_the_process_is_answered_and_no_other_suffers(
    rig: Rig, fault: str, status: int
) -> None:
    """The decoder is made to fail on one file, in every process that Python starts here."""
    fatal_decoder(rig, fault)
    rig.stream(0, 50)
    rig.row(50, "deadly.png")
    rig.stream(51, 50)
    worker = rig.start()
    assert worker.wait(timeout=60) == status
    rig.assert_commits_are_covered()
    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 101)
    answers = {a.source_id: (a.status, a.error_code) for a in rig.predictions()}
    assert answers == dict.fromkeys(range(101), ("predicted", None)) | {50: ("rejected", "crashed_worker")}
    assert rig.log().count("under suspicion") <= 3, "more suspects than threads, and the record given up for"


def test_records_in_a_row_that_each_end_the_process_are_all_answered(rig: Rig) -> None:
    """Each is convicted once, though the next one ends the process before anything is acknowledged."""
    fatal_decoder(rig)
    for number in range(5):
        rig.row(8 * number, "deadly.png")
    rig.stream(100, 20)
    for _ in range(8):  # one more than there are, and some to spare
        worker = rig.start()
        rig.wait("an end", lambda worker=worker: worker.poll() is not None or sum(rig.committed().values()) == 25)
        if worker.poll() is None:
            break
    answers = {a.source_id: (a.status, a.error_code) for a in rig.predictions()}
    assert answers == dict.fromkeys(range(0, 40, 8), ("rejected", "crashed_worker")) | dict.fromkeys(
        range(100, 120), ("predicted", None))
