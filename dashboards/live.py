"""The figures of the live view, read from both databases."""

from typing import Any

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.sql import load_sql

LOT = 10_000
"""Ids that are settled at a time; so many newer ones are counted anew at each look."""

NEVER = 2**63 - 1
"""No id is as high."""


class Figures(msgspec.Struct, frozen=True):
    """What the live view shows; None where a database did not answer or nothing is known yet.

    Everything is about rows after a certain id: counts about all of them, the rest about the newest 5,000 answers to
    them. `accuracy` is a share, times are milliseconds from commit to stored answer.
    """

    rows_in: int | None = None
    predicted: int | None = None
    rejected: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    accuracy: float | None = None
    model_name: str | None = None
    model_version: int | None = None
    class_mix: tuple[tuple[str, int], ...] = ()

    @property
    def answered(self) -> int | None:
        return None if self.predicted is None or self.rejected is None else self.predicted + self.rejected

    @property
    def waiting(self) -> int | None:
        """Rows without an answer; never below zero, as the two databases are not read at the same instant."""
        if self.rows_in is None or self.answered is None:
            return None
        return max(0, self.rows_in - self.answered)


class Settled(msgspec.Struct, frozen=True):
    """Rows up to the id `until`, all of them answered: they were counted and need not be again."""

    until: int
    rows_in: int = 0
    predicted: int = 0
    rejected: int = 0


def read_figures(source: Engine, target: Engine, since: int, settled: Settled) -> tuple[Figures, Settled]:
    """The figures as they stand now, and what the next look need not count. `settled` starts as `Settled(since)`.

    A database that is away leaves its figures out.
    """
    read: dict[str, Any] = {}
    try:
        answers = _one(target, "answers", after=settled.until, upto=NEVER)
        read = {name: count + getattr(settled, name) for name, count in answers.items()}
        for name in ("latency", "accuracy", "model"):
            read |= _one(target, name, since=since)
        with target.connect() as connection:
            mix = connection.execute(load_sql("dashboards.figures", "class_mix"), {"since": since})
            read["class_mix"] = tuple((row.label, row.answers) for row in mix)
    except DBAPIError:
        read = {}
    try:
        # The source is read last, so that a row is not counted as answered before it is counted as in.
        rows = _one(source, "rows_in", after=settled.until, upto=NEVER)
        read["rows_in"] = rows["rows_in"] + settled.rows_in
        if rows["newest"] - settled.until > 2 * LOT:
            settled = _settle(source, target, settled)
    except DBAPIError:
        pass
    return Figures(**read), settled


def _settle(source: Engine, target: Engine, settled: Settled) -> Settled:
    """Go on by a lot, if every row in it has its answer. Behind it lie so many newer ids that no row joins it late."""
    upto = settled.until + LOT
    rows_in = _one(source, "rows_in", after=settled.until, upto=upto)["rows_in"]
    answers = _one(target, "answers", after=settled.until, upto=upto)
    if rows_in != answers["predicted"] + answers["rejected"]:
        return settled
    return Settled(upto, settled.rows_in + rows_in, settled.predicted + answers["predicted"],
                   settled.rejected + answers["rejected"])


def _one(engine: Engine, figure: str, **values: int) -> dict[str, Any]:
    with engine.connect() as connection:
        found = connection.execute(load_sql("dashboards.figures", figure), values).mappings().first()
        return dict(found or {})
