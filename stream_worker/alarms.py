"""Tells when answers go wrong in numbers: records that can be tied to no row, images that the model fails on."""

import time
from collections.abc import Callable

from cargostream.errors import RejectCode
from stream_worker.outcomes import Coordinates, Predicted, Rejected, Served, Unreadable
from stream_worker.work import Work

REPEAT_S = 60.0
"""Dead letters are told of at once, and then no more often than this."""

BLOCK = 100
FAILING = 0.01
"""A model that fails on a greater share of the last BLOCK images is told of, once, until it is well again."""

Report = Callable[[str, str, str, str], None]
"""Reports an event: kind, severity, subject, detail."""


class Alarms:
    """Hears of every record that is through, on one thread."""

    def __init__(self, report: Report, now: Callable[[], float] = time.monotonic) -> None:
        self._report, self._now = report, now
        self._letters, self._due = 0, float("-inf")
        self._last: tuple[Coordinates, str] | None = None
        self._served: Served | None = None
        self._asked = self._failed = 0
        self._failing = False

    def hear(self, work: Work) -> None:
        """A record is through."""
        match work.answer:
            case Unreadable(reason):
                self._letters, self._last = self._letters + 1, (work.at, reason)
            case Predicted(served=served):
                self._model(served, False)
            case Rejected(served=served, code=RejectCode.MODEL_ERROR):
                self._model(served, True)
        if self._last is not None and self._now() >= self._due:
            self._dead_letters(*self._last)

    def _dead_letters(self, at: Coordinates, reason: str) -> None:
        more = f" and {self._letters - 1:,} since the last alarm" if self._letters > 1 else ""
        self._report("dead_letters", "alarm", f"{at.topic} partition {at.partition}",
                     f"The record at offset {at.offset}{more} can be tied to no row: {reason}. Dead letters are kept.")
        self._letters, self._last, self._due = 0, None, self._now() + REPEAT_S

    def _model(self, served: Served, failed: bool) -> None:
        if served != self._served:
            self._served, self._asked, self._failed, self._failing = served, 0, 0, False
        self._asked += 1
        self._failed += failed
        if self._asked < BLOCK:
            return
        failing = self._failed > FAILING * BLOCK
        if failing and not self._failing:
            self._report("model_errors", "alarm", f"version {served.version}",
                         f"Model {served.name} failed on {self._failed} of the last {BLOCK} images; their rows are "
                         "rejected with model_error.")
        self._asked, self._failed, self._failing = 0, 0, failing
