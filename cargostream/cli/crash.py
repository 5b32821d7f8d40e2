"""The crash test, step by step: rows, the kill, the recovery, the verdict, and the rows' removal."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.cli import children
from cargostream.cli.children import Child
from cargostream.cli.output import err
from cargostream.database import engine
from cargostream.errors import CargostreamError, Unavailable
from cargostream.settings import Settings

if TYPE_CHECKING:
    from operations.chaos.flight import Flight
    from operations.run import RunReport

IMAGES = "stream"
MIX = "good=95,bad=5"
LOOK_S = 0.25
STUCK_S = 180.0
"""Nothing changed for so long: it will not come whole by itself."""
PLAIN_EVERY_S = 5.0
SHOWN = 5
"""Wrong answers that are told one by one."""


class Findings(msgspec.Struct, frozen=True):
    """What a crash test found. `killed` are the parts, `in_flight` the rows that were written and not answered at the
    kill; `recovery_s` is from the kill until everything ran and no row waited, None if that did not come; `repaired`
    are rows that the stack's own verification found lost or otherwise wrong meanwhile, and put right as far as it
    could: they hide from the other counts. `left_over` are rows of which something stayed in the target when they were
    deleted, None if they were kept."""

    kill: str
    killed: list[str]
    rows: int
    in_flight: int
    recovery_s: float | None
    predicted: int
    rejected: int
    repeated: int
    lost: int
    phantom: int
    conflicting: int
    wrong: int
    repaired: int
    left_over: int | None
    seed: int
    run: str

    @property
    def sound(self) -> bool:
        return self.recovery_s is not None and not (self.lost or self.phantom or self.conflicting or self.wrong
                                                    or self.repaired or self.left_over)


def crash_test(settings: Settings, parts: dict[str, Any], kill: str, rows: int, rate: float, seed: int,
               keep: bool) -> Findings:
    """Run it on a stack whose parts are as `parts` says.

    Raises:
        CargostreamError: it could not be done, or a part of it did not end.
    """
    from cargostream.cli.produce import new_run
    from operations.chaos.flight import Flight, victims
    from operations.run import newest_id
    from operations.verify.state import load

    _draw_images(settings)
    source, target = engine(settings, "source", "dashboard"), engine(settings, "target", "dashboard")
    run, since = new_run().replace("run-", "chaos-"), newest_id(source)
    flight, differed = Flight(source, target, run, since), load(target).found
    # A quarter at the rate, then half of all at once, then the rest at the rate, over the crash.
    producer = children.start(settings.home, "producer", "produce", "--run", run, "--rows", str(rows),
                              "--rate", str(rate), "--burst", str(rows // 2), "--every", str(rows / 4 / rate),
                              "--batch", "10", "--mix", MIX, "--seed", str(seed))
    try:
        killed = victims(kill, parts, random.Random(seed))  # noqa: S311 - a choice that can be repeated
        in_flight, whole_s = _crash(settings, flight, producer, killed, rows, parts)
    except BaseException:
        err.print(f"The rows that were written are kept; their keys begin with {run}.", markup=False)
        raise
    finally:
        children.end(producer, 0)
    found = _verdict(source, target, run, since)
    wrong = _wrong(settings, source, target, run, since, found.rows)
    # Whoever looks into what went wrong will want the rows.
    keep = keep or wrong > 0 or not found.sound or load(target).found > differed
    left = None if keep else _remove(settings, target, run, since)
    return Findings(kill=kill, killed=list(killed), rows=found.rows, in_flight=in_flight, recovery_s=whole_s,
                    predicted=found.predicted, rejected=found.rejected, repeated=found.redelivered, lost=found.missing,
                    phantom=found.phantom, conflicting=found.conflicts, wrong=wrong,
                    repaired=load(target).found - differed, left_over=left, seed=seed, run=run)


def _draw_images(settings: Settings) -> None:
    if not (settings.image_store / f"{IMAGES}.jsonl").exists():
        with err.status(f"drawing photos, once; they are kept in {settings.image_store}"):
            drawing = children.start(settings.home, "images", "data", "synthesize", IMAGES)
            drawing.wait(900)
        children.expect(drawing, settings.home, "images")


def _crash(settings: Settings, flight: "Flight", producer: Child, killed: dict[str, int], rows: int,
           parts: dict[str, Any]) -> tuple[int, float | None]:
    """Kill when enough rows are in flight and watch until all of them are answered: how many were in flight, and the
    seconds until all was whole."""
    from operations.chaos.flight import await_flight, strike
    from operations.chaos.recovery import SETTLED_S, Recovery

    def producing() -> bool:
        if producer.poll() is None:
            return True
        children.expect(producer, settings.home, "producer")
        return False

    with _told() as (show, say):
        await_flight(flight, rows, producing, lambda: show(f"{flight.written:,} of {rows:,} rows written, "
                                                           f"{flight.answered:,} answered"))
        in_flight, began = len(flight.waiting), time.monotonic()
        strike(killed)
        names = ", ".join(f"{name} (process {pid})" for name, pid in killed.items())
        say(0.0, f"kill -9 {names} with {in_flight:,} of {rows:,} rows in flight")
        recovery, moved = Recovery(killed, parts), began
        while True:
            coming = producing()  # asked before the databases: when it says no, they hold every row
            answered = flight.answered
            flight.look()
            now = time.monotonic() - began
            said = recovery.step(now, *_states(settings), flight.overdue(SETTLED_S))
            for words in said:
                say(now, words)
            show(f"{now:6.1f} s  {flight.written:,} of {rows:,} rows written, {flight.answered:,} answered")
            if not coming and not flight.waiting and recovery.whole_s is not None:
                say(now, f"all {flight.written:,} rows are answered")
                return in_flight, recovery.whole_s
            moved = time.monotonic() if said or flight.answered != answered else moved
            if time.monotonic() - moved > STUCK_S:
                say(now, f"nothing has changed for {STUCK_S:.0f} s: giving up")
                return in_flight, recovery.whole_s
            time.sleep(LOOK_S)


def _states(settings: Settings) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    from cargostream.cli.stack import stack_status
    from connectors.status import status

    runner = stack_status(settings)
    if runner is None:
        raise CargostreamError("The stack was stopped during the test; see `cargostream logs supervisor`.")
    try:
        return runner["parts"], status(settings)
    except CargostreamError:
        return runner["parts"], None


def _verdict(source: Engine, target: Engine, run: str, since: int) -> "RunReport":
    """Counted once all is quiet; a count that is not what it should be is taken again, for a while."""
    from operations.run import report

    deadline = time.monotonic() + 30
    while True:
        try:
            found = report(source, target, run, since)
        except DBAPIError as error:
            if time.monotonic() > deadline:
                raise Unavailable("A database does not answer; see `cargostream status`.") from error
        else:
            if found.sound or time.monotonic() > deadline:
                return found
        time.sleep(1)


def _wrong(settings: Settings, source: Engine, target: Engine, run: str, since: int, rows: int) -> int:
    from operations.chaos.truth import wrong_answers

    wrong = 0
    with err.status("checking") as line:
        for number, fault in enumerate(wrong_answers(settings, source, target, run, since), 1):
            line.update(f"predicting every image once more: {number:,} of {rows:,}")
            if fault is not None:
                wrong += 1
                if wrong <= SHOWN:
                    err.print(f"[bold red]wrong:[/] {fault}")
    return wrong


def _remove(settings: Settings, target: Engine, run: str, since: int) -> int:
    from operations.chaos.removal import remove

    with err.status("deleting the rows again") as line:
        return remove(engine(settings, "source", "writer"), target, run, since,
                      lambda left: line.update(f"deleting the rows again: {left:,} are still in the target"))


@contextmanager
def _told() -> Iterator[tuple[Callable[[str], None], Callable[[float, str], None]]]:
    """Two ways to tell: figures that move (without a terminal, a line every few seconds), and lines that stay."""
    printed = time.monotonic()

    def say(at_s: float, words: str) -> None:
        err.print(f"{at_s:6.1f} s  {words}", markup=False)

    def plain(words: str) -> None:
        nonlocal printed
        if time.monotonic() - printed > PLAIN_EVERY_S:
            printed = time.monotonic()
            err.print(words, markup=False)

    if not err.is_terminal:
        yield plain, say
        return
    with err.status("streaming rows") as line:
        yield line.update, say
