"""The rows of one run on their way: which are written, and which of these wait for their answers, and since when."""

import random
import time
from collections.abc import Callable

import psutil
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from cargostream.errors import CargostreamError
from cargostream.sql import load_sql

SHARES = (0.2, 0.8)
"""A kill is a test while this share of a run's rows is written and not answered; outside, it would prove little."""


class Flight:
    """What could be asked of the databases so far; a database that is away leaves it as it was."""

    def __init__(self, source: Engine, target: Engine, run: str, since: int) -> None:
        self.written = 0
        self.waiting: dict[int, float] = {}
        """Ids without an answer, and when (monotonic clock) they were first seen."""
        self._source, self._target, self._prefix = source, target, f"{run}:"
        self._newest = since

    @property
    def answered(self) -> int:
        return self.written - len(self.waiting)

    def look(self) -> None:
        """Ask for rows that are new, and for the answers of those that wait."""
        try:
            new = [row["id"] for row in _rows(self._source, "run_ids", since=self._newest, prefix=self._prefix)]
            self._newest = max(new, default=self._newest)
            self.written += len(new)
            self.waiting |= dict.fromkeys(new, time.monotonic())
        except DBAPIError:
            pass
        try:
            for row in _rows(self._target, "answered_of", ids=list(self.waiting)) if self.waiting else ():
                del self.waiting[row["id"]]
        except DBAPIError:
            pass

    def overdue(self, seconds: float) -> bool:
        """Whether a row waits that was seen so long ago."""
        return any(time.monotonic() - seen > seconds for seen in self.waiting.values())


def await_flight(flight: Flight, rows: int, producing: Callable[[], bool], progress: Callable[[], None]) -> None:
    """Return when the share of a run's `rows` that is in flight is within SHARES.

    Raises:
        CargostreamError: the rows were through before as many as that were ever in flight.
    """
    least, most = (share * rows for share in SHARES)
    while True:
        coming = producing()
        flight.look()
        if least <= len(flight.waiting) <= most:
            return
        if not coming and not flight.waiting:
            raise CargostreamError(f"The rows were answered faster than they came: never were {least:.0f} of {rows} in "
                                   "flight, so that a kill would prove nothing. Ask for more with --rows.")
        progress()
        time.sleep(0.02)


def victims(kill: str, parts: dict[str, dict[str, object]], chance: random.Random) -> dict[str, int]:
    """The parts to be killed and their processes, in the order of the kills; `parts` is what the runner says."""
    running = {name: int(str(part["pid"])) for name, part in parts.items() if part["pid"]}
    if kill == "all":
        return dict(chance.sample(sorted(running.items()), len(running)))
    if kill == "worker":
        name = chance.choice(sorted(name for name in running if name.startswith("worker-")))
    else:
        name = {"broker": "kafka"}.get(kill, kill)
    return {name: running[name]}


def strike(processes: dict[str, int]) -> None:
    """Kill -9 them, one right after the other."""
    for name, pid in processes.items():
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess as error:
            raise CargostreamError(f"{name} (process {pid}) ended by itself just before it was to be killed; see "
                                   f"`cargostream logs {name}`.") from error


def _rows(engine: Engine, name: str, **values: object) -> list[RowMapping]:
    with engine.connect() as connection:
        return list(connection.execute(load_sql("operations.sql", name), values).mappings())
