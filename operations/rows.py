"""Where the rows are: in the source, in the mirror, answered; and what is kept of records that were refused."""

import time
from typing import Any

import msgspec
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import OperationalError

from cargostream.sql import load_sql

RECENT = 10_000
"""The newest ids are compared one by one; the rest is only counted, which a large table makes slow enough."""

QUERY_MS = 1500
"""A count that takes longer than this gives way to the planner's estimate."""

STALLED_S = 60.0
"""Rows that wait while nothing moved for so long are stuck, not slow."""

LOOK_AGAIN_S = 3.0
"""A row needs a tenth of a second to be mirrored."""


class Count(msgspec.Struct, frozen=True):
    """Rows of a table; `exact` is false for an estimate."""

    rows: int
    exact: bool


class Snapshot(msgspec.Struct, frozen=True):
    """Rows that were in the source table before it was first captured, and how far they have come."""

    rows: int
    mirrored: int
    answered: int


class Partition(msgspec.Struct, frozen=True):
    """A partition with mirrored rows that wait for their answer; for `idle_s` nothing before them was answered."""

    partition: int
    rows: int
    idle_s: float


class Rows(msgspec.Struct, frozen=True):
    """Rows at each stage. Of the newest `compared` source rows, `unmirrored` are not in the target yet, `unanswered`
    have no prediction there; `oldest_s` says how long the first of these has been in the mirror. `mirror_stands`:
    rows wait to be mirrored, and none was for `STALLED_S`. No time here is a row's own, which can be any."""

    source: Count
    mirrored: Count
    answered: Count
    compared: int
    unmirrored: int
    unanswered: int
    oldest_s: float | None
    mirror_stands: bool = False
    partitions: tuple[Partition, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def waiting(self) -> int:
        """Rows without an answer: by counts where these are exact, at least those among the newest."""
        behind = self.source.rows - self.answered.rows if self.source.exact and self.answered.exact else 0
        return max(self.unanswered, behind)


def read_rows(source: Engine, target: Engine) -> Rows:
    """Compare the two databases; no statement takes longer than `QUERY_MS`.

    Raises:
        DBAPIError: one of them does not answer.
    """
    source_count = count(source, "count_rows", "cargo")
    mirrored = count(target, "count_rows", "cargo")
    answered = count(target, "count_predictions", "cargo_prediction")
    # The source is read first: what comes in after that is not mistaken for waiting.
    recent = [row["id"] for row in query(source, "recent_ids", limit=RECENT)]
    behind = {row["id"]: row["mirrored_s"] for row in query(target, "stages", ids=recent)}
    unmirrored = [identity for identity, age in behind.items() if age is None]
    ages = [age for age in behind.values() if age is not None]
    return Rows(
        source_count, mirrored, answered, compared=len(recent), unmirrored=len(unmirrored), unanswered=len(behind),
        oldest_s=round(max(ages), 1) if ages else None, mirror_stands=_stands(target, unmirrored),
        partitions=tuple(Partition(**row) for row in query(target, "standing", limit=RECENT)),
        snapshot=_snapshot(target, Snapshot(source_count.rows, mirrored.rows, answered.rows)))


def _stands(target: Engine, unmirrored: list[int]) -> bool:
    """Whether these rows are no nearer to the mirror a moment later, after a time in which it took none."""
    if not unmirrored or _moves(target):
        return False
    time.sleep(LOOK_AGAIN_S)  # they may have come just now, to a pipeline that had nothing to do
    waiting = query(target, "stages", ids=unmirrored)
    return sum(row["mirrored_s"] is None for row in waiting) == len(unmirrored) and not _moves(target)


def _moves(target: Engine) -> bool:
    age = query(target, "last_mirrored")[0]["age_s"]
    return age is not None and age < STALLED_S


def _snapshot(target: Engine, whole: Snapshot) -> Snapshot | None:
    """How far the rows of the first look at the table have come, as long as one of them waits.

    `whole` is where all rows are. Until something came after the snapshot, they are its rows; some of them may be
    answered before they are mirrored.
    """
    if whole.answered >= whole.rows:
        return None
    if not whole.mirrored:
        return whole
    try:
        found = query(target, "snapshot")[0]
    except OperationalError as error:
        if _too_slow(error):
            return None
        raise
    if found["last"]:
        return whole
    snapshot = Snapshot(found["mirrored"], found["mirrored"], found["answered"])
    return snapshot if snapshot.answered < snapshot.rows else None


def query(engine: Engine, name: str, **values: Any) -> list[RowMapping]:
    """The rows of a statement in `operations/sql`, within the time limit."""
    with engine.connect() as connection:
        connection.execute(load_sql("operations.sql", "limit_time"), {"limit": QUERY_MS})
        return list(connection.execute(load_sql("operations.sql", name), values).mappings())


def count(engine: Engine, name: str, table: str) -> Count:
    """What the statement `name` counts; where that takes too long, the planner's estimate for `table`."""
    try:
        return Count(query(engine, name)[0]["rows"], exact=True)
    except OperationalError as error:
        if not _too_slow(error):
            raise
        return Count(query(engine, "estimate", table=table)[0]["rows"], exact=False)


def _too_slow(error: OperationalError) -> bool:
    return getattr(error.orig, "pgcode", None) == "57014"  # query_canceled: the time limit
