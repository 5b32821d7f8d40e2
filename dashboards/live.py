"""The figures of the live view, read from both databases."""

from typing import Any

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.sql import load_sql


class Figures(msgspec.Struct, frozen=True):
    """What the live view shows; None where a database did not answer or nothing is known yet.

    Counts are of rows after a certain id. `accuracy` is a share, times are milliseconds from commit to stored answer.
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
    def waiting(self) -> int | None:
        """Rows without an answer; never below zero, as the two databases are not read at the same instant."""
        if self.rows_in is None or self.predicted is None or self.rejected is None:
            return None
        return max(0, self.rows_in - self.predicted - self.rejected)


def read_figures(source: Engine, target: Engine, since: int) -> Figures:
    """The figures as they stand now. A database that is away leaves its figures out."""
    read: dict[str, Any] = {}
    try:
        with target.connect() as connection:
            for name in ("answers", "latency", "accuracy", "model"):
                found = connection.execute(load_sql("dashboards.figures", name), {"since": since}).mappings().first()
                read.update(found or {})
            read["class_mix"] = tuple(
                (row.label, row.answers) for row in connection.execute(load_sql("dashboards.figures", "class_mix")))
    except DBAPIError:
        read = {}
    try:
        # The source is read last, so that a row is not counted as answered before it is counted as in.
        with source.connect() as connection:
            rows_in = connection.execute(load_sql("dashboards.figures", "rows_in"), {"since": since})
            read.update(rows_in.mappings().one())
    except DBAPIError:
        pass
    if read.get("accuracy") is not None:
        read["accuracy"] = float(read["accuracy"])
    return Figures(**read)
