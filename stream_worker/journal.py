"""Which records a process may end of, in a file that outlives it however it ends.

What stands in it at the next start is under suspicion of having ended the process, and no more than that: a worker that
was killed from outside leaves suspects too. `stream_worker.trial` tells them apart. What it convicts is kept in a file
beside: the answer may not be acknowledged yet when the next such record ends the process, and then the two would take
turns for ever.
"""

import itertools
import mmap
import struct
from pathlib import Path

from stream_worker.outcomes import Coordinates

_SLOT = struct.Struct("<qqqq")
_EMPTY = bytes(_SLOT.size)

CONVICTED_MAX = 1000
"""Convictions that are remembered; the next one takes another's place. They matter until their records are
acknowledged."""

Suspect = tuple[int, int, int, int]
"""Epoch (from 1 on), partition, offset and attempt of a record."""


class Journal:
    """Slots for one record each. Writing one is a copy in memory; the kernel keeps it when the process dies."""

    def __init__(self, file: Path, slots: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.suspects = read_suspects(_content(file))
        self._slots = _mapped(file, _EMPTY * slots)
        convictions = file.with_name(f"{file.name}.convicted")
        self.convicted = read_suspects(_content(convictions))
        kept = [_SLOT.pack(*each) for each in self.convicted][:CONVICTED_MAX]
        self._convictions = _mapped(convictions, b"".join(kept).ljust(CONVICTED_MAX * _SLOT.size, b"\0"))
        self._place = itertools.count(len(kept))

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

    def convict(self, at: Coordinates) -> None:
        """The record ends whatever process handles it. Safe to call from several threads."""
        suspect = (at.epoch, at.partition, at.offset, at.attempt)
        self.convicted.add(suspect)
        _SLOT.pack_into(self._convictions, next(self._place) % CONVICTED_MAX * _SLOT.size, *suspect)


def read_suspects(content: bytes) -> set[Suspect]:
    """The records in a journal's bytes; what is cut or empty is left out."""
    whole = len(content) // _SLOT.size * _SLOT.size
    return {(e, p, o, a) for e, p, o, a in _SLOT.iter_unpack(content[:whole]) if e > 0}


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _mapped(file: Path, content: bytes) -> mmap.mmap:
    """A file with this content, to be written in memory: that also works on a disk that is full."""
    file.write_bytes(content)
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), len(content))
