"""Windows of a version's answers, as they lie in the target: read, and written with what was found in them."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from cargostream.drift import Moved, Table, table
from cargostream.reference import STATISTICS
from cargostream.sql import load_sql

SETTLE_S = 1.0
"""Answers younger than this are not read: of two, the older may be committed last."""


class Due(NamedTuple):
    """A version with a whole window to be tested, and how it stands after its last one: number, place in the history,
    since when drift is on, whether that has been given a name, and whether one of the last few windows drifted."""

    model_version: int
    number: int
    drift_since: datetime | None
    named: bool
    to_at: datetime
    to_id: int
    drifted_lately: bool


class Answers(NamedTuple):
    """Answers in the order in which they were stored: (stored_at, source_id) of the first and the last, and columns.
    `probabilities` is a list of rows, each of which may lack."""

    first: tuple[datetime, int]
    last: tuple[datetime, int]
    confidence: npt.NDArray[np.float64]
    probabilities: list[list[float] | None]
    statistics: npt.NDArray[np.float32]
    embedding_distance: npt.NDArray[np.float32]

    def table(self, classes: int) -> Table:
        """As the tests for drift want it; what lacks is NaN."""
        rows = [row if row is not None and len(row) == classes else [np.nan] * classes for row in self.probabilities]
        return table(np.array(rows, np.float32), self.statistics, self.embedding_distance)


class Window(msgspec.Struct, frozen=True):
    """A row of `cargo_window`; see there."""

    model_version: int
    number: int
    from_at: datetime
    from_id: int
    to_at: datetime
    to_id: int
    rows: int
    p_value: float | None
    threshold: float
    against: str | None
    drift: bool
    drift_since: datetime | None
    looks_like: str | None
    explained: float | None
    sure: float | None
    estimated_accuracy: float
    estimate_low: float
    estimate_high: float
    calibration_error: float | None


def nobody_else(connection: Connection) -> bool:
    """Whether this transaction may write windows; until its end no other may."""
    return bool(connection.execute(load_sql("operations.sql", "monitor_lock")).scalar_one())


def read_due(connection: Connection, rows: int, quiet: int) -> list[Due]:
    """Versions of which a whole window of `rows` answers waits; `quiet` windows back is lately."""
    found = connection.execute(load_sql("operations.sql", "windows_due"),
                               {"rows": rows, "quiet": quiet, "settle": SETTLE_S})
    return [Due(**row) for row in found.mappings()]


def read_answers(connection: Connection, due: Due, rows: int) -> Answers | None:
    """The next window's answers; None if a deletion has come in between and there are not as many any more."""
    found = connection.execute(load_sql("operations.sql", "window_rows"), {
        "version": due.model_version, "to_at": due.to_at, "to_id": due.to_id, "rows": rows}).mappings().all()
    if len(found) < rows:
        return None
    return Answers(
        (found[0]["stored_at"], found[0]["source_id"]), (found[-1]["stored_at"], found[-1]["source_id"]),
        np.array([row["confidence"] for row in found]), [row["probabilities"] for row in found],
        np.array([[row[name] for name in STATISTICS] for row in found], np.float32),
        np.array([row["embedding_distance"] for row in found], np.float32))


def add_window(connection: Connection, window: Window, statistics: tuple[Moved, ...]) -> None:
    """Write what was found in a window."""
    connection.execute(load_sql("operations.sql", "add_window"), msgspec.structs.asdict(window))
    if statistics:
        connection.execute(load_sql("operations.sql", "add_window_statistic"), [
            {"model_version": window.model_version, "number": window.number, **msgspec.structs.asdict(one)}
            for one in statistics])
