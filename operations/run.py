"""What became of the rows of one run of the producer: counted in the databases, nothing assumed."""

import msgspec
from sqlalchemy import Engine

from cargostream.sql import load_sql


class RunReport(msgspec.Struct, frozen=True):
    """Rows of a run and their answers. `missing` have none; `phantom` answers belong to no row; `conflicts` are
    answers for the same record, attempt and version that disagree, `redelivered` are repeats that agree. Times are
    milliseconds from the row's commit to the stored answer; `first_stored_at` is in seconds since 1970."""

    rows: int
    predicted: int
    rejected: int
    missing: int
    phantom: int
    conflicts: int
    redelivered: int
    p50_ms: float | None
    p99_ms: float | None
    accuracy: float | None
    model_version: int | None
    first_stored_at: float | None

    @property
    def sound(self) -> bool:
        return not (self.missing or self.phantom or self.conflicts)


def newest_id(source: Engine) -> int:
    """The id after which a run that starts now has its rows."""
    with source.connect() as connection:
        return int(connection.execute(load_sql("operations.sql", "last_id")).scalar_one())


def report(source: Engine, target: Engine, run: str, since: int) -> RunReport:
    """Look up every row of `run` (newer than the id `since`) and every answer to an id after `since`.

    Raises:
        DBAPIError: a database does not answer.
    """
    with target.connect() as there:
        # Before the source: a row comes before its answer, so an answer without one was left over.
        answered = [row.id for row in there.execute(load_sql("operations.sql", "answered_ids"), {"since": since})]
    with source.connect() as here:
        found = here.execute(load_sql("operations.sql", "run_ids"), {"since": since, "prefix": f"{run}:"})
        ids = [row.id for row in found]
        phantom = here.execute(load_sql("operations.sql", "absent_ids"), {"ids": answered}).scalar_one()
    with target.connect() as there:
        answers = there.execute(load_sql("operations.sql", "run_answers"), {"ids": ids}).mappings().one()
        repeats = there.execute(load_sql("operations.sql", "run_repeats"), {"ids": ids}).mappings().one()
    return RunReport(rows=len(ids), missing=len(ids) - answers["predicted"] - answers["rejected"],
                     phantom=phantom, **answers, **repeats)
