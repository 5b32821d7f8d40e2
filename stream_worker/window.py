"""The records of one partition between receipt and acknowledgement."""

from collections import deque
from enum import Enum


class Receipt(Enum):
    """What a record is to the window that it arrives at."""

    NEW = "new"
    SEEN = "seen"
    GAP = "gap"


class Window:
    """Takes offsets in the order of their arrival, hears in any order which are answered, and tells how far the
    partition is answered without a hole.

    A window lives as long as one assignment of its partition and starts at `start`, the offset that is due first: the
    committed one, or the partition's beginning. It is data without a lock, for one thread.
    """

    def __init__(self, start: int) -> None:
        self.position = start
        """Every record below this offset is answered: what may be committed."""
        self._next = start
        self._gap: int | None = None
        self._started = False
        self._open: deque[int] = deque()
        self._answered: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    def receive(self, offset: int) -> Receipt:
        """Take in a record.

        GAP: records that are due may have been skipped, and the caller fetches again from `position`. It can only
        happen to the first records of an assignment, when a fetch of the one before comes in late. If the second fetch
        begins at the same offset, there is nothing in the gap but transaction markers, and the record is NEW.
        """
        if offset < self._next:
            return Receipt.SEEN
        if not self._started and offset > self._next:
            if self._gap is None:
                self._gap = offset
                return Receipt.GAP
            if offset > self._gap:
                return Receipt.SEEN
        self._started = True
        self._next = offset + 1
        self._open.append(offset)
        return Receipt.NEW

    def answer(self, offset: int) -> None:
        """The record at `offset` has its answer, confirmed by the broker, or needs none."""
        self._answered.add(offset)
        while self._open and self._open[0] in self._answered:
            first = self._open.popleft()
            self._answered.discard(first)
            self.position = first + 1
