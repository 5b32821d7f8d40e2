"""The loop: takes rows from the plan when they are due and hands them to a writer."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from threading import Event
from typing import Protocol

import msgspec

from producers.rows import Row


class Writer(Protocol):
    """Where rows go; `write` returns when they are safely there and raises CargostreamError when they cannot be."""

    @property
    def retries(self) -> int: ...

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


class Summary(msgspec.Struct, frozen=True):
    """What was written. `late_s` is the longest that a row was written after it was due."""

    run: str
    rows: int
    kinds: dict[str, int]
    seconds: float
    rows_per_s: float
    late_s: float
    retries: int


def produce(run: str, rows: Iterator[Row], due: Iterator[float], writer: Writer, *, limit: int | None, batch: int,
            stop: Event, progress: Callable[[int, float], None]) -> Summary:
    """Write rows as they fall due, `batch` to a transaction, until `limit` rows are written or `stop` is set.

    A batch is written when its last row is due. `progress(rows so far, seconds late)` is called after each.

    Raises:
        CargostreamError: the writer gave up.
    """
    kinds: Counter[str] = Counter()
    late = 0.0
    written = 0
    start = time.monotonic()
    while limit is None or written < limit:
        size = batch if limit is None else min(batch, limit - written)
        when = max(islice(due, size))
        if stop.wait(max(0.0, start + when - time.monotonic())):
            break
        part = list(islice(rows, size))
        writer.write(part)
        written += size
        kinds.update(row.kind for row in part)
        behind = time.monotonic() - start - when if when else 0.0  # as fast as possible is never late
        late = max(late, behind)
        progress(written, behind)
    seconds = time.monotonic() - start
    return Summary(run, written, dict(kinds), round(seconds, 3), round(written / max(seconds, 1e-9), 2),
                   round(late, 3), writer.retries)
