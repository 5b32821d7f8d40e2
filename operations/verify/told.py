"""What the verification has to tell: each trouble once when it begins and once when it is over."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from cargostream.records import Event
from operations.verify.differences import Difference, Kind, count, in_words
from operations.verify.settle import Outcome

NAMED = 5
"""Ids that a message names."""

CALM_S = 30.0
"""A trouble is over when nothing differed for so long."""

Tell = Callable[[Event], bool]
"""Sends an event; whether it was taken."""

log = logging.getLogger(__name__)


class Notes:
    """Events that wait to be sent: what the broker does not take is tried again."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: deque[Event] = deque(maxlen=100)

    def add(self, event: Event) -> None:
        """Log it, and keep it for `send`."""
        log.log(logging.ERROR if event.severity == "alarm" else logging.INFO, "%s: %s", event.kind, event.detail)
        self._waiting.append(event)

    def send(self) -> None:
        """Send what waits, in order, up to the first that is not taken."""
        while self._waiting and self._tell(self._waiting[0]):
            self._waiting.popleft()


class Trouble:
    """Rows that differ: from the first one until nothing differs any more."""

    def __init__(self, notes: Notes, repairing: bool) -> None:
        self._notes, self._repairing = notes, repairing
        self._repaired: Counter[Kind] | None = None
        self._last = 0.0

    def begin(self, found: Iterable[Difference]) -> None:
        """Rows differ; told at once, since their repair may take long, and once."""
        if self._repaired is None:
            self._repaired = Counter()
            self._notes.add(rows_differ(found, self._repairing))
            self._notes.send()
        self._last = time.monotonic()

    def judge(self, outcome: Outcome, standing: int) -> None:
        """Take in what came of a portion; `standing` ids differ all in all."""
        now = time.monotonic()
        if outcome.found and self._repaired is not None:
            self._repaired += outcome.repaired
            self._last = now
            log.info("%d ids differed, of which %d still do", len(outcome.found), len(outcome.standing))
        elif self._repaired is not None and not standing and now - self._last > CALM_S:
            self._notes.add(rows_repaired(self._repaired))
            self._repaired = None


def rows_differ(found: Iterable[Difference], repairing: bool) -> Event:
    """The alarm, when the first rows really differ."""
    differences = sorted(found, key=lambda one: one.id)
    ids = ", ".join(str(one.id) for one in differences[:NAMED])
    more = ", …" if len(differences) > NAMED else ""
    what = "They are being repaired." if repairing else "`cargostream verify --repair` repairs them."
    return _event("rows_differ", "alarm", "cargo", f"Rows differ after everything on its way had arrived: "
                  f"{in_words(count(differences))} (ids {ids}{more}). {what}")


def rows_repaired(repaired: Counter[Kind]) -> Event:
    """The all-clear."""
    how = f"; repaired: {in_words(repaired)}" if repaired.total() else ""
    return _event("rows_repaired", "info", "cargo", f"Source, mirror and predictions agree again{how}.")


def slot_lost(name: str) -> Event:
    """Nothing is captured."""
    return _event("slot_lost", "alarm", name, f"The source has no usable replication slot {name}: changes are not "
                  "captured. `cargostream connectors recapture` begins anew.")


def slot_remade(name: str) -> Event:
    """Something was not captured."""
    return _event("slot_remade", "alarm", name, f"The replication slot {name} is not the one that was there before: "
                  "changes made in between were missed. Everything is compared now, at once.")


def records_refused(server: str, records: int, topics: str) -> Event:
    """A database could not apply them; they are kept. Why is not told here: it quotes the records."""
    return _event("records_refused", "alarm", server, f"The {server} database refused records of {topics}, {records:,} "
                  "more than before: `cargostream dlq list` shows them and why, `cargostream dlq replay` applies them "
                  "after the fix.")


def answers_conflict(answers: int, ids: Sequence[int]) -> Event:
    """One version said two things about one record."""
    return _event("answers_conflict", "alarm", "cargo_prediction_history", "Answers contradict one that the same "
                  f"version had given for the same record, {answers:,} more than before; the first stands (newest ids: "
                  f"{', '.join(map(str, ids))}).")


def _event(kind: str, severity: Literal["info", "alarm"], subject: str, detail: str) -> Event:
    return Event(kind, severity, subject, detail, datetime.now(UTC).isoformat())
