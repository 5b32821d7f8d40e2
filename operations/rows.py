"""Where the rows are: in the source, in the mirror, answered; and what is kept of records that were refused."""

from typing import Any

import msgspec
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import OperationalError

from cargostream.sql import load_sql

RECENT = 10_000
"""The newest ids are compared one by one; the rest is only counted, which a large table makes slow enough."""

QUERY_MS = 1500
"""A count that takes longer than this gives way to the planner's estimate."""


class Count(msgspec.Struct, frozen=True):
    """Rows of a table; `exact` is false for an estimate."""

    rows: int
    exact: bool


class Rows(msgspec.Struct, frozen=True):
    """Rows at each stage. Of the newest `compared` source rows, `unmirrored` are not in the target yet, `unanswered`
    have no prediction there; `oldest_s` is the age of the oldest of these."""

    source: Count
    mirrored: Count
    answered: Count
    compared: int
    unmirrored: int
    unanswered: int
    oldest_s: float | None

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
    recent = {row["id"]: row["age_s"] for row in query(source, "recent_ids", limit=RECENT)}
    behind = query(target, "stages", ids=list(recent))
    return Rows(source_count, mirrored, answered, compared=len(recent),
                unmirrored=sum(not row["mirrored"] for row in behind),
                unanswered=sum(not row["answered"] for row in behind),
                oldest_s=round(max(recent[row["id"]] for row in behind), 1) if behind else None)


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
        if getattr(error.orig, "pgcode", None) != "57014":  # query_canceled: the time limit
            raise
        return Count(query(engine, "estimate", table=table)[0]["rows"], exact=False)
