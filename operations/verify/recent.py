"""What came lately: the newest ids of the source, and what the target took in."""

import time
from collections import deque

from sqlalchemy import Engine

from operations.verify.ranges import compare, fetch, next_span

ROWS = 5000
"""Ids compared in one round; a burst of more takes some rounds."""

LAG_S = 20.0
"""Ids are handed out before they are committed: those of so long are compared again and again."""

SETTLE_S = 3.0
"""What was stored a moment ago may be one half of a change whose other half is on its way."""


class Recent:
    """Where the comparison of new rows has come to. It begins with what comes from now on."""

    def __init__(self, source: Engine, target: Engine) -> None:
        self._source, self._target = source, target
        self._newest: deque[tuple[float, int]] = deque()
        self._after: int | None = None
        self._since = "infinity"

    def compare(self) -> tuple[set[int], bool]:
        """Ids at which the tables do not go together, and whether no more of the new ones wait to be compared."""
        differing, caught_up = self._new_ids()
        (changed,) = fetch(self._target, "verify_changed", since=self._since, settle=SETTLE_S, rows=ROWS)
        self._since = changed["until"]
        return differing | set(changed["ids"]), caught_up

    def _new_ids(self) -> tuple[set[int], bool]:
        (newest,) = fetch(self._source, "last_id")
        now = time.monotonic()
        settled = self._newest[-1][1] if self._newest else newest["id"]
        self._newest.append((now, newest["id"]))
        while self._newest[0][0] < now - LAG_S:
            self._newest.popleft()
        if self._after is None:
            self._after = newest["id"]
        if self._after >= settled:
            self._after = min(self._after, self._newest[0][1])
            return set(), True
        span = next_span(self._source, self._target, self._after, ROWS, until=settled)
        _, differing = compare(self._source, self._target, span)
        caught_up = span.upto >= settled
        self._after = min(span.upto, self._newest[0][1]) if caught_up else span.upto
        return differing, caught_up
