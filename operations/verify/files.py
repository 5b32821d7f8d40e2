"""Rows whose image was not there: looked at again, ever more seldom, for an hour from their first answer."""

import time

from sqlalchemy import Engine

from operations.verify.ranges import fetch
from operations.verify.repairs import Repairs

FIRST_S = 15.0
AT_ONCE = 200
UNDER_WAY_S = 60.0
"""What was sent so lately may not be answered yet."""

Attempt = tuple[int, int, int, int]


class MissingFiles:
    """Has rows answered again when they are due; how often each was tried is in the answers' attempts."""

    def __init__(self, target: Engine, repairs: Repairs) -> None:
        self._target, self._repairs = target, repairs
        self._sent: dict[Attempt, float] = {}

    def try_again(self) -> int:
        """Send those that are due; how many.

        Raises:
            DBAPIError, Unavailable: as in `Repairs`.
        """
        now = time.monotonic()
        self._sent = {attempt: at for attempt, at in self._sent.items() if now - at < UNDER_WAY_S}
        due = {(row["id"], row["epoch"], row["offset"], row["attempt"]): row
               for row in fetch(self._target, "verify_missing_files", first=FIRST_S, rows=AT_ONCE)}
        fresh = [attempt for attempt in due if attempt not in self._sent]
        self._repairs.send([due[attempt] for attempt in fresh])
        self._sent.update(dict.fromkeys(fresh, now))
        return len(fresh)
