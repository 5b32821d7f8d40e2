"""True labels that arrive some time after their rows, as they do in life."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Event

import msgspec

from producers.rows import Row
from producers.sql_writer import SqlWriter


class LateLabels:
    """A writer that inserts rows without their labels and sets these `delay_s` later, by UPDATE.

    Labels are looked after whenever rows are written; `settle` waits for what is left at the end.
    """

    def __init__(self, writer: SqlWriter, delay_s: float, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._delay_s = delay_s
        self._clock = clock
        self._owed: deque[tuple[float, list[Row]]] = deque()

    @property
    def retries(self) -> int:
        return self._writer.retries

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write([msgspec.structs.replace(row, target=None) for row in rows])
        if known := [row for row in rows if row.target is not None]:
            self._owed.append((self._clock() + self._delay_s, known))
        self.pay()

    def pay(self) -> float | None:
        """Set the labels that are due; seconds until the next ones are, None when nothing is owed."""
        while self._owed and self._owed[0][0] <= self._clock():
            self._writer.set_targets(self._owed[0][1])
            self._owed.popleft()
        return self._owed[0][0] - self._clock() if self._owed else None

    def settle(self, stop: Event) -> None:
        """Wait for the labels that are still owed and set them; `stop` ends the wait."""
        while (pause := self.pay()) is not None and not stop.wait(max(0.0, pause)):
            pass

    def close(self) -> None:
        self._writer.close()
