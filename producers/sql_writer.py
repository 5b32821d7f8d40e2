"""Rows into the source table, by SQL."""

import time
from collections.abc import Callable, Sequence
from threading import Event

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from cargostream.errors import CargostreamError
from cargostream.sql import load_sql
from producers.rows import Row

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class SqlWriter:
    """Writes rows as the writer role, one transaction a call, each row once.

    A server that goes away is waited for, up to `patience_s` or until `stop` is set. A commit whose answer was lost
    is simply made again: the rows carry keys, and a key that is there already is left alone.
    """

    def __init__(self, engine: Engine, patience_s: float, stop: Event, tell: Callable[[str], None]) -> None:
        self.retries = 0
        self._engine = engine
        self._patience_s = patience_s
        self._stop = stop
        self._tell = tell
        self._reached = False

    def write(self, rows: Sequence[Row]) -> None:
        """Insert the rows in one transaction.

        Raises:
            CargostreamError: the server stayed away for longer than the patience, or refused the rows.
        """
        self._execute("insert_rows", {
            "paths": [row.image_path for row in rows], "targets": [row.target for row in rows],
            "digests": [row.sha256 for row in rows], "keys": [row.ingest_key for row in rows]})

    def set_targets(self, rows: Sequence[Row]) -> None:
        """Give rows that were written without one their true label; errors as `write`."""
        self._execute("set_targets", {
            "targets": [row.target for row in rows], "keys": [row.ingest_key for row in rows]})

    def close(self) -> None:
        self._engine.dispose()

    def _execute(self, statement: str, values: dict[str, list[object]]) -> None:
        deadline = time.monotonic() + self._patience_s
        pause = FIRST_PAUSE_S
        while True:
            try:
                with self._engine.begin() as connection:
                    self._reached = True
                    connection.execute(load_sql("producers.sql", statement), values)
                return
            except DBAPIError as error:
                where = f"{self._engine.url.host}:{self._engine.url.port}"
                cause = str(error.orig).strip().splitlines()[0]
                if not (isinstance(error, OperationalError) or error.connection_invalidated):
                    raise CargostreamError(f"The source database at {where} refused the rows: {cause}.") from error
                # A server that was never there is more likely not started than restarting.
                if not self._reached or time.monotonic() + pause > deadline or self._stop.wait(pause):
                    raise CargostreamError(f"The source database at {where} cannot be reached ({cause}); "
                                           "see `cargostream status`, start it with `cargostream up`.") from error
                if pause == FIRST_PAUSE_S:
                    self._tell(f"the source database at {where} is away ({cause}); trying again")
                self.retries += 1
                pause = min(pause * 2, LONGEST_PAUSE_S)
