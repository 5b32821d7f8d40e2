"""One process an index. Kafka knows a worker by it: a second of the same name would be at odds with the first for ever,
and they would share a journal."""

import fcntl
import os
from pathlib import Path

from cargostream.errors import UsageError

INDEXES = range(64)


def claim(run: Path, index: int) -> int:
    """Make this process the worker `index` of the folder `run`, until the descriptor that it returns is closed.

    Raises:
        UsageError: another process is that worker.
    """
    run.mkdir(parents=True, exist_ok=True)
    if (lock := _lock(run, index)) is not None:
        return lock
    for other in INDEXES:
        if (lock := _lock(run, other)) is not None:
            os.close(lock)
            raise UsageError(f"Worker {index} of {run.parent} runs already; start one more with --index {other}.")
    raise UsageError(f"Worker {index} of {run.parent} runs already, and so do all others: stop one first.")


def _lock(run: Path, index: int) -> int | None:
    lock = os.open(run / f"worker-{index}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
