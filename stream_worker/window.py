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
        self._open: deque[int] = deque()
        self._answered: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    def receive(self, offset: int) -> Receipt:
        """Take in a record.

        GAP: between what is due and this record there are offsets that never came, and the record was not taken in.
        `skip_to` says that they are accounted for.
        """
        if offset < self._next:
            return Receipt.SEEN
        if offset > self._next:
            return Receipt.GAP
        self._next = offset + 1
        self._open.append(offset)
        return Receipt.NEW

    @property
    def due(self) -> int:
        """The offset that comes next if none is left out."""
        return self._next

    def skip_to(self, offset: int) -> None:
        """No records are to come between what is due and `offset`."""
        self._next = offset

    def answer(self, offset: int) -> None:
        """The record at `offset` has its answer, confirmed by the broker, or needs none."""
        self._answered.add(offset)
        while self._open and self._open[0] in self._answered:
            first = self._open.popleft()
            self._answered.discard(first)
            self.position = first + 1
