"""Compares for ever: what came lately all the time, everything else slowly and again and again."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import islice
from threading import Event as Flag
from typing import Any

from confluent_kafka import KafkaException
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.errors import Unavailable
from cargostream.settings import Settings
from operations.verify import rises, told
from operations.verify.differences import Difference, look
from operations.verify.files import MissingFiles
from operations.verify.passage import Passage, Stopped
from operations.verify.ranges import LAST, Span, compare, fetch, next_span
from operations.verify.recent import Recent
from operations.verify.repairs import Repairs
from operations.verify.settle import Outcome, settle
from operations.verify.slots import SLOT, Slot, change, read_slot
from operations.verify.state import State, load, save
from operations.words import in_one_line

EVERY_S = 5.0
BUSY_S = 0.2
STEP = 5000
"""Ids compared at once where there is no time to lose."""

STANDING_S = 300.0
"""How often an id that could not be repaired is looked at again."""

STANDING_MAX = 10_000
"""Ids that are remembered so; the sweep meets the others again."""

Show = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)


class Watch:
    """One verification that goes on; without `repairs` it only tells. `looked` is called at each sign of life, `show`
    gets what was found, as plain values. `state` is None until the first round."""

    def __init__(self, settings: Settings, source: Engine, target: Engine, repairs: Repairs | None, tell: told.Tell,
                 stop: Flag, looked: Callable[[], None], show: Show = lambda _: None) -> None:
        self.state: State | None = None
        self._source, self._target, self._repairs = source, target, repairs
        self._stop, self._looked, self._show = stop, looked, show
        self._step = max(1, round(settings.verify_rate * EVERY_S))
        self._passage = Passage(settings.bootstrap, self.look_at_slot, self._pause)
        self._recent = Recent(source, target)
        self._files = MissingFiles(target, repairs) if repairs else None
        self._pending: set[int] = set()
        self._standing: dict[int, float] = {}
        self._notes = told.Notes(tell)
        self._trouble = told.Trouble(self._notes, repairs is not None)

    def run(self) -> None:
        """Until `stop` is set. A part that is away is waited for, and told of once."""
        away = False
        while not self._stop.is_set():
            pause = EVERY_S
            try:
                pause = self._round()
                if away:
                    log.info("The verification goes on.")
                away = False
            except Stopped:
                break
            except (DBAPIError, KafkaException, Unavailable, TimeoutError) as error:
                if not away:
                    log.warning("The verification waits: %s", in_one_line(error))
                away = True
            self._pause(pause)

    def look_at_slot(self) -> Slot:
        """Read the slot, tell what happened to it, and remember it."""
        slot = read_slot(self._source)
        self._looked()
        if (state := self.state) is None:
            return slot
        what = change(state.slot, slot) if state.slot else "lost" if slot.lost else None
        state.slot = slot
        if what == "lost":
            self._notes.add(told.slot_lost(SLOT))
        elif what == "remade":
            self._notes.add(told.slot_remade(SLOT))
            state.cause_at = fetch(self._target, "verify_causes")[0]["now"]
        if what:
            self._notes.send()
            save(self._target, state)
        return slot

    def _round(self) -> float:
        """Compare one portion; how long to pause until the next."""
        state = self.state = self.state or load(self._target)
        self.look_at_slot()
        self._tell_rises(state)
        (cause,) = fetch(self._target, "verify_causes")
        if cause["at"] and (state.cause_at is None or cause["at"] > state.cause_at):
            state.cause_at = cause["at"]
        caught_up = True
        if not self._pending:
            self._pending, caught_up = self._recent.compare()
        span, rows, differing = self._next_step(state, cause["now"]), 0, set[int]()
        if span:
            rows, differing = compare(self._source, self._target, span)
        self._settle(state, self._pending | differing)
        self._pending = set()
        hurry = not caught_up or (span is not None and state.urgent)
        if span:
            state.swept_to, state.swept_rows = span.upto, state.swept_rows + rows
            if span.upto == LAST:
                state.end(cause["now"])
                self._show({"swept": state.ended_rows})
        if self._files:
            self._files.try_again()
        self._notes.send()
        save(self._target, state)
        return BUSY_S if hurry else EVERY_S

    def _tell_rises(self, state: State) -> None:
        if events := list(rises.look(self._source, self._target, state)):
            for event in events:
                self._notes.add(event)
            self._notes.send()
            save(self._target, state)

    def _next_step(self, state: State, now: datetime) -> Span | None:
        if not state.begin(now) or state.swept_to is None:
            return None
        return next_span(self._source, self._target, state.swept_to, STEP if state.urgent else self._step)

    def _settle(self, state: State, ids: set[int]) -> None:
        now = time.monotonic()
        self._forget_mended()
        ids = {identity for identity in ids if identity not in self._standing}
        ids |= {identity for identity, due in self._standing.items() if due <= now}
        outcome = Outcome()

        def heard(found: Collection[Difference]) -> None:
            # Saved before the repair: who judges the pipeline by its rows must know which of them it owes to us.
            state.found += len(found)
            save(self._target, state)
            self._trouble.begin(found)

        if ids:
            outcome = settle(self._source, self._target, self._passage, ids, self._repairs, heard)
        for identity in ids:
            self._standing.pop(identity, None)
        for identity in list(outcome.standing)[:STANDING_MAX - len(self._standing)]:
            self._standing[identity] = time.monotonic() + STANDING_S
        state.repaired += outcome.repaired.total()
        state.standing = len(self._standing)
        self._trouble.judge(outcome, state.standing)
        if outcome.found:
            self._show({"found": {one.id: one.kind.value for one in outcome.found.values()},
                        "standing": sorted(outcome.standing)})

    def _forget_mended(self) -> None:
        """What somebody else has put right meanwhile stands no more, and `status` must not go on telling of it."""
        some = list(islice(self._standing, STEP))
        still = look(self._source, self._target, some) if some else {}
        for identity in some:
            if identity not in still:
                del self._standing[identity]

    def _pause(self, seconds: float) -> bool:
        self._looked()
        return self._stop.wait(seconds)
