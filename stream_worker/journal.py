"""Which records a process may end of, in a file that outlives it however it ends.

What stands in it at the next start is under suspicion of having ended the process, and no more than that: a worker that
was killed from outside leaves suspects too. `stream_worker.trial` tells them apart.
"""

import mmap
import struct
from pathlib import Path

from stream_worker.outcomes import Coordinates

_SLOT = struct.Struct("<qqqq")
_EMPTY = bytes(_SLOT.size)

Suspect = tuple[int, int, int, int]
"""Epoch (from 1 on), partition, offset and attempt of a record."""


class Journal:
    """Slots for one record each. Writing one is a copy in memory; the kernel keeps it when the process dies."""

    def __init__(self, file: Path, slots: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        left = file.read_bytes() if file.exists() else b""
        self.suspects = read_suspects(left)
        file.write_bytes(_EMPTY * slots)
        with file.open("r+b") as opened:
            self._slots = mmap.mmap(opened.fileno(), slots * _SLOT.size)

    def enter(self, slot: int, at: Coordinates) -> None:
        """Whoever has the slot begins with a record."""
        _SLOT.pack_into(self._slots, slot * _SLOT.size, at.epoch, at.partition, at.offset, at.attempt)

    def leave(self, slot: int) -> None:
        """It is through with it."""
        self._slots[slot * _SLOT.size:(slot + 1) * _SLOT.size] = _EMPTY

    def clear(self, at: Coordinates) -> bool:
        """Whether the record was a suspect; it is none any more."""
        suspect = (at.epoch, at.partition, at.offset, at.attempt)
        if suspect not in self.suspects:
            return False
        self.suspects.discard(suspect)
        return True


def read_suspects(content: bytes) -> set[Suspect]:
    """The records in a journal's bytes; what is cut or empty is left out."""
    whole = len(content) // _SLOT.size * _SLOT.size
    return {(e, p, o, a) for e, p, o, a in _SLOT.iter_unpack(content[:whole]) if e > 0}
