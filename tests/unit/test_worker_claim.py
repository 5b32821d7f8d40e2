"""A second worker process of the same index is told so, and harms nothing of the first."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cargostream.errors import UsageError
from stream_worker.claim import INDEXES, claim
from stream_worker.journal import Journal
from stream_worker.outcomes import Coordinates
from tests.support.postgres import free_port


def worker(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cargostream", "worker"], capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"CARGOSTREAM_HOME": str(home), "CARGOSTREAM_KAFKA_PORT": "1", "CARGOSTREAM_MLFLOW_PORT": "1"}
        | variables)


def test_the_next_free_index_is_named(tmp_path: Path) -> None:
    held = [claim(tmp_path, 0), claim(tmp_path, 1)]
    with pytest.raises(UsageError, match=r"Worker 0 .* runs already; start one more with --index 2\."):
        claim(tmp_path, 0)
    os.close(held[0])
    os.close(claim(tmp_path, 0))
    os.close(held[1])


def test_when_all_run_there_is_none_to_name(tmp_path: Path) -> None:
    held = [claim(tmp_path, index) for index in INDEXES]
    with pytest.raises(UsageError, match="all others"):
        claim(tmp_path, 7)
    for lock in held:
        os.close(lock)


def test_a_second_worker_leaves_the_first_ones_journal_alone(tmp_path: Path) -> None:
    lock = claim(tmp_path / "run", 0)
    Journal(tmp_path / "run/journal-0", 2).enter(1, Coordinates("t", 1, 2, 3))
    before = (tmp_path / "run/journal-0").read_bytes()
    # The first one's port may be another: it is no way around.
    done = worker(tmp_path, CARGOSTREAM_WORKER_PORT=str(free_port()))
    os.close(lock)
    assert done.returncode == 2, done.stderr
    assert "Worker 0" in done.stderr
    assert "--index 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run/journal-0").read_bytes() == before


def test_a_port_that_another_program_holds_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = worker(tmp_path, CARGOSTREAM_WORKER_PORT=str(port))
    assert done.returncode == 2, done.stderr
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
