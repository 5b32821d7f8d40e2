"""The demo's eye on its run: shows the figures until the rows have their answers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.cli.output import err
from cargostream.errors import CargostreamError
from dashboards.live import Figures, Settled, read_figures
from dashboards.terminal import live_view, plain_line
from operations.run import RunReport, report

EVERY_S = 1.0
PLAIN_LINE_EVERY_S = 5.0
STALLED_S = 120.0
"""A run that is not complete got no answer for so long: the pipeline is stuck. A cold machine is slow, but not so."""


@dataclass(frozen=True)
class Run:
    """One run of the producer: its name, and the newest id before it."""

    name: str
    since: int


def watch(source: Engine, target: Engine, run: Run, addresses: dict[str, str], producing: Callable[[], bool],
          running: Callable[[], bool]) -> RunReport:
    """Show the figures until every row of the run is answered, or nothing has been for `STALLED_S`.

    `producing` tells whether rows still come and may raise; `running` tells whether the stack is there at all. A
    database that is away for less than `STALLED_S` is waited for.

    Raises:
        CargostreamError: the stack was stopped, or a database stays away.
    """
    settled = Settled(run.since)
    answered, since = -1, time.monotonic()
    with _screen(addresses) as show:
        while True:
            # Asked before the databases are: when it says no, they hold every row of the run.
            coming = producing()
            if not running():
                raise CargostreamError("The stack was stopped while rows waited; see `cargostream logs supervisor`.")
            figures, settled = read_figures(source, target, run.since, settled)
            show(figures)
            if not coming and (found := _report(source, target, run)) and not found.missing:
                return found
            # Unknown is no progress: who waits for a database waits for an answer too.
            now = answered if figures.answered is None else figures.answered
            if now != answered or (coming and not figures.waiting):
                answered, since = now, time.monotonic()
            if time.monotonic() - since > STALLED_S:
                return _last_look(source, target, run)
            time.sleep(EVERY_S)


def _report(source: Engine, target: Engine, run: Run) -> RunReport | None:
    try:
        return report(source, target, run.name, run.since)
    except DBAPIError:  # it is asked again in a second
        return None


def _last_look(source: Engine, target: Engine, run: Run) -> RunReport:
    err.print(f"[bold red]No row was answered for {STALLED_S:.0f} s, and the run is not complete.[/]")
    found = _report(source, target, run)
    if found is None:
        raise CargostreamError("A database does not answer; see `cargostream status` and `cargostream logs`.")
    return found


@contextmanager
def _screen(addresses: dict[str, str]) -> Iterator[Callable[[Figures], None]]:
    """Draws figures: in place on a terminal, elsewhere as a line every few seconds."""
    before: tuple[float, int] | None = None

    def rate(figures: Figures) -> float | None:
        nonlocal before
        last, before = before, (time.monotonic(), figures.rows_in) if figures.rows_in is not None else None
        return (before[1] - last[1]) / (before[0] - last[0]) if last and before else None

    if err.is_terminal:
        from rich.live import Live

        with Live(console=err, auto_refresh=False) as live:
            yield lambda figures: live.update(live_view(figures, rate(figures), addresses), refresh=True)
        return
    for name, address in addresses.items():
        err.print(f"{name:<16} {address}", markup=False)
    printed = 0.0

    def line(figures: Figures) -> None:
        nonlocal printed
        if time.monotonic() - printed >= PLAIN_LINE_EVERY_S:
            printed = time.monotonic()
            err.print(plain_line(figures), markup=False)

    yield line
