"""Work on all cores, in processes that end with their parent, whatever ends it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def in_processes(work: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    """The results of `work(*call)` for each call, in the calls' order; one process per core, none for a single call."""
    workers = min(os.cpu_count() or 1, len(calls))
    if workers < 2:
        yield from (work(*call) for call in calls)
        return
    # Started afresh, not forked: the caller may have threads, and a fork copies the locks that they hold.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare)
    try:
        yield from pool.map(work, *zip(*calls, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    # Ctrl-C reaches the whole group of processes; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
