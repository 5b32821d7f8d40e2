"""Has rows answered again through `cargo-replay`, and waits until the answers stand."""

import time
from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Engine

from cargostream.errors import Unavailable
from cargostream.replays import Replayer, replay_record
from cargostream.sql import load_sql
from operations.comparison import Comparison
from operations.ranges import Row, answer

WAITING_MAX = 1000
"""Rows whose answers may be on their way: more would only wait in the topic, where nobody can take them back."""

LOOK_S = 0.5

Progress = Callable[[int, int], None]
"""Hears how many rows are through, and of how many the answers are on their way."""


def paced(rows: Iterable[Row], rate: float) -> Iterator[Row | None]:
    """The rows, at most `rate` a second (0: as many as are taken), with None wherever none is due yet."""
    began = time.monotonic()
    for number, row in enumerate(rows):
        while rate and time.monotonic() < began + number / rate:
            yield None
        yield row


def answer_again(target: Engine, rows: Iterable[Row], replayer: Replayer, rate: float, patience_s: float,
                 progress: Progress) -> Comparison:
    """Send every row and wait until each has an answer that is no older.

    Raises:
        Unavailable: the broker takes none, or for `patience_s` no answer came.
    """
    done = Comparison()
    waiting: dict[int, Row] = {}
    coming = paced(rows, rate)
    more, moved, looked = True, time.monotonic(), 0.0
    while more or waiting:
        row = None
        if more and len(waiting) < WAITING_MAX:
            try:
                row = next(coming)
            except StopIteration:
                more = False
        if row is not None:
            replayer.send(replay_record(row.columns, *row.repeat))
            waiting[row.id] = row
            moved = time.monotonic()
        if time.monotonic() > looked + LOOK_S:
            replayer.flush()
            if _settle(target, waiting, done):
                moved = time.monotonic()
            progress(done.rows + done.gone, len(waiting))
            looked = time.monotonic()
        if waiting and time.monotonic() > moved + patience_s:
            raise Unavailable(f"{len(waiting):,} rows were sent and none answered for {patience_s:.0f} s. They will "
                              "be, but live rows go first: see `cargostream status`.")
        if row is None:
            time.sleep(0.01)
    return done


def _settle(target: Engine, waiting: dict[int, Row], done: Comparison) -> int:
    """Take out of `waiting` what stands; how many."""
    before = len(waiting)
    if waiting:
        with target.connect() as connection:
            found = connection.execute(load_sql("operations.sql", "replay_standing"), {"ids": list(waiting)})
            for columns in found.mappings():
                row, now = waiting[columns["id"]], answer(columns)
                at = (columns["source_epoch"], columns["source_offset"], columns["attempt"])
                if now is not None and at >= (row.repeat.epoch, row.repeat.offset, row.repeat.attempt):
                    done.add(waiting.pop(row.id), now)
                elif not columns["mirrored"]:
                    del waiting[row.id]
                    done.gone += 1
    return before - len(waiting)
