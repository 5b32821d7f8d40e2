"""Rows of the mirror, by what an operator knows of them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, RowMapping

from cargostream.replays import Repeat
from cargostream.sql import load_sql

PAGE = 500


class Range(msgspec.Struct, frozen=True):
    """Rows that meet every condition that is given. `since` and `until` (exclusive) are about the rows' own time;
    `rejected` is the code with which a row is rejected now."""

    since: datetime | None = None
    until: datetime | None = None
    from_id: int | None = None
    to_id: int | None = None
    rows: list[int] | None = None
    rejected: str | None = None


class Answer(NamedTuple):
    """What stands, or would stand, for a row; `target` is the class id, None where the row is rejected."""

    status: str
    label: str | None
    error_code: str | None
    target: int | None
    model_version: int | None

    def __str__(self) -> str:
        return self.label or f"{self.status} {self.error_code}"


class Row(NamedTuple):
    """A row to be answered again: its columns, the record that brought it, and the answer that stands (None: none)."""

    columns: dict[str, Any]
    repeat: Repeat
    before: Answer | None

    @property
    def id(self) -> int:
        return int(self.columns["id"])

    @property
    def truth(self) -> int | None:
        target: int | None = self.columns["target"]
        return target


def count(target: Engine, wanted: Range) -> int:
    """How many rows of the mirror are meant."""
    with target.connect() as connection:
        found = connection.execute(load_sql("operations.sql", "replay_count"), msgspec.structs.asdict(wanted))
        return int(found.scalar_one())


def read(target: Engine, wanted: Range) -> Iterator[Row]:
    """The rows, by id. They are read in pages as they are asked for: each has what stands for it at about that time."""
    statement = load_sql("operations.sql", "replay_rows")
    after = -(2**63)
    while True:
        with target.connect() as connection:
            page = connection.execute(
                statement, {**msgspec.structs.asdict(wanted), "after": after, "limit": PAGE}).mappings().all()
        for columns in page:
            repeat = Repeat(columns["source_epoch"], columns["source_partition"], columns["source_offset"],
                            columns["attempt"])
            yield Row({str(name): content for name, content in columns.items()}, repeat, answer(columns))
        if len(page) < PAGE:
            return
        after = page[-1]["id"]


def answer(columns: RowMapping) -> Answer | None:
    """The answer in a row of a query that names its columns as `replay_rows` does."""
    if columns["status"] is None:
        return None
    return Answer(columns["status"], columns["label"], columns["error_code"], columns["answer"],
                  columns["model_version"])
