"""One comparison of everything, for somebody who waits for the result."""

import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Engine

from cargostream.errors import Unavailable
from operations.verify.differences import Difference, count
from operations.verify.files import MissingFiles
from operations.verify.passage import Passage
from operations.verify.ranges import FIRST, LAST, compare, next_span
from operations.verify.repairs import Repairs
from operations.verify.settle import settle
from operations.verify.slots import SLOT, Slot, read_slot

STEP = 5000
NAMED = 1000
"""Differences that are listed; the rest is only counted."""


class Standing(msgspec.Struct, frozen=True):
    """An id at which the tables do not go together, and how."""

    id: int
    kind: str


class Report(msgspec.Struct):
    """What was found. `found` and `repaired` count ids by kind of difference; `standing` lists those that still differ,
    as far as there is room, `differing` counts them. `tried_again`: rows whose image was not there before, sent to the
    worker once more."""

    rows: int = 0
    found: dict[str, int] = {}
    repaired: dict[str, int] = {}
    differing: int = 0
    standing: list[Standing] = []
    tried_again: int = 0
    seconds: float = 0.0

    def add(self, found: dict[int, Difference], standing: dict[int, Difference]) -> None:
        """Take in what came of some ids."""
        mended = (one for identity, one in found.items() if identity not in standing)
        for counts, differences in ((self.found, found.values()), (self.repaired, mended)):
            for kind, number in count(differences).items():
                counts[kind.value] = counts.get(kind.value, 0) + number
        self.differing += len(standing)
        room = NAMED - len(self.standing)
        self.standing += [Standing(identity, standing[identity].kind.value) for identity in sorted(standing)[:room]]


def usable_slot(source: Engine) -> Slot:
    """The slot, for who cannot wait until there is one.

    Raises:
        Unavailable: there is none.
    """
    slot = read_slot(source)
    if slot.lost:
        raise Unavailable(f"The source has no usable replication slot {SLOT}: changes do not arrive, and nothing "
                          "can be said of what is missing. `cargostream connectors recapture` begins anew.")
    return slot


def verify(source: Engine, target: Engine, passage: Passage, repairs: Repairs | None,
           progress: Callable[[int], None] = lambda rows: None) -> Report:
    """Compare all rows, at most half of the time at work in the databases. `progress` hears how many rows are done.

    Raises:
        DBAPIError, KafkaException: a part does not answer.
        Unavailable: rows are on their way and do not arrive.
    """
    began, report, pending, after = time.monotonic(), Report(), set[int](), FIRST
    while after < LAST:
        step = time.monotonic()
        span = next_span(source, target, after, STEP)
        rows, differing = compare(source, target, span)
        after, pending = span.upto, pending | differing
        report.rows += rows
        if pending and (len(pending) >= STEP or after == LAST):
            outcome = settle(source, target, passage, pending, repairs)
            report.add(outcome.found, outcome.standing)
            pending = set()
        progress(report.rows)
        if after < LAST:
            time.sleep(min(1.0, time.monotonic() - step))  # the other half is the pipeline's
    if repairs:
        report.tried_again = MissingFiles(target, repairs).try_again()
    report.seconds = round(time.monotonic() - began, 1)
    return report
