"""Records that an apply function refused, in the table `refused` of either database."""

from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from cargostream.database import Server
from cargostream.errors import CargostreamError, UsageError
from cargostream.sql import load_sql
from operations.letters import Handled, Letter, Place


def read_refused(operator: Engine, server: Server, limit: int, handled_too: bool) -> list[Letter]:
    """The newest records that this server refused."""
    return [_letter(server, row) for row in _rows(operator, None, limit, handled_too)]


def read_one(operator: Engine, server: Server, place: Place) -> Letter:
    """One of them.

    Raises:
        UsageError: there is none of that id.
    """
    for row in _rows(operator, place.numbers[0], 1, True):
        return _letter(server, row)
    raise UsageError(f"There is no refused record {place}; `cargostream dlq list --all` shows those that there are.")


def apply_again(operator: Engine, place: Place, by: str) -> str | None:
    """Apply a record again, and note it; if it is refused still, the reason.

    Raises:
        CargostreamError: the database could not even try.
    """
    try:
        with operator.begin() as connection:
            reason: str | None = connection.execute(
                load_sql("operations.sql", "apply_refused"), {"id": place.numbers[0], "by": by}).scalar_one()
            return reason
    except DBAPIError as error:
        words = str(error.orig).strip().splitlines()[0]
        raise CargostreamError(f"{place} could not be applied: {words}. It stays as it was.") from error


def dismiss(operator: Engine, place: Place, by: str) -> None:
    """Note that nothing is to be done about a record."""
    with operator.begin() as connection:
        connection.execute(load_sql("operations.sql", "dismiss_refused"), {"id": place.numbers[0], "by": by})


def _rows(operator: Engine, wanted: int | None, limit: int, handled_too: bool) -> list[RowMapping]:
    with operator.connect() as connection:
        return list(connection.execute(load_sql("operations.sql", "refused_records"), {
            "id": wanted, "limit": limit, "handled_too": handled_too}).mappings())


def _letter(server: Server, row: RowMapping) -> Letter:
    handled = Handled(row["handled"], row["handled_at"], row["handled_by"]) if row["handled"] else None
    return Letter(Place(server, (row["id"],)), row["topic"], row["partition"], row["offset"], None, 0, row["sqlstate"],
                  "apply", row["reason"], row["refused_at"], None, row["payload"] and bytes(row["payload"]), None,
                  handled)
