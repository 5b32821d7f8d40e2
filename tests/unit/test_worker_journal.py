"""What stands in the journal when a process dies, however it dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stream_worker.journal import CONVICTED_MAX, Journal, read_suspects
from stream_worker.outcomes import Coordinates

WRITER = """
import os, signal, sys
from pathlib import Path
from stream_worker.journal import Journal
from stream_worker.outcomes import Coordinates
journal = Journal(Path(sys.argv[1]), 3)
journal.enter(0, Coordinates("t", 1, 5, 2**40))
journal.enter(1, Coordinates("t", 1, 6, 7))
journal.enter(2, Coordinates("t", 1, 0, 8))
journal.leave(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_was_at(tmp_path: Path) -> None:
    file = tmp_path / "run/journal"
    done = subprocess.run([sys.executable, "-c", WRITER, file], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = Journal(file, 3)
    assert journal.suspects == {(1, 5, 2**40, 0), (1, 0, 8, 0)}
    assert journal.clear(Coordinates("t", 1, 0, 8))
    assert not journal.clear(Coordinates("t", 1, 0, 8))
    assert not journal.clear(Coordinates("t", 2, 5, 2**40)), "a topic made anew has other records"
    assert Journal(file, 3).suspects == set()


def test_convictions_outlive_the_process_and_do_not_pile_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", 2)
    journal.convict(Coordinates("t", 1, 5, 2**40, 3))
    for _ in range(2):
        journal = Journal(tmp_path / "journal", 2)
        assert journal.convicted == {(1, 5, 2**40, 3)}
    for offset in range(CONVICTED_MAX):
        journal.convict(Coordinates("t", 1, 5, offset))
    assert Journal(tmp_path / "journal", 2).convicted == {(1, 5, offset, 0) for offset in range(CONVICTED_MAX)}


def test_any_bytes_can_be_a_journal() -> None:
    for content in (b"", b"x", os.urandom(1000), bytes(320)):
        assert all(epoch > 0 for epoch, *_ in read_suspects(content))
