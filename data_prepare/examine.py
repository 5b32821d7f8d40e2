"""The images of a list, looked at one by one: are they there, are they the ones listed, and what are they like."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cargostream.decode import to_array
from cargostream.errors import Rejection
from cargostream.images import FolderStore
from cargostream.labels import CARGO_LABELS
from cargostream.reference import STATISTICS
from data_prepare.files import Limits
from data_prepare.lists import Entry, read_entries
from data_prepare.parallel import in_processes

SIZE = 128
"""Side to which images are decoded before they are measured."""
LOT = 32
_DIGEST = re.compile("[0-9a-f]{64}")


class Examined(NamedTuple):
    """A list and what was found: its name, its lines, image statistics of the sound ones (n, 4), and faults."""

    name: str
    entries: list[Entry]
    statistics: npt.NDArray[np.float64]
    faults: list[str]


def examine(store: Path, listing: Path, limits: Limits,
            progress: Callable[[int, int], None] | None = None) -> Examined:
    """Read every image of a list as the worker would; a fault is a sentence that begins with the image's path.

    Raises:
        CargostreamError: the list cannot be read or has lines that are no such lines.
    """
    entries = read_entries(listing)
    rows, faults, done = [], [], 0
    for lot in in_processes(_examine_lot, [(store, part, limits) for part in _lots(entries)]):
        rows += [each for each in lot if not isinstance(each, str)]
        faults += [each for each in lot if isinstance(each, str)]
        done += len(lot)
        if progress:
            progress(done, len(entries))
    statistics = np.array(rows, np.float64).reshape(-1, len(STATISTICS))
    return Examined(listing.stem, entries, statistics, faults + _contradictions(entries) + _missing(entries))


def _lots(entries: Sequence[Entry]) -> list[list[Entry]]:
    return [list(entries[start:start + LOT]) for start in range(0, len(entries), LOT)]


def _examine_lot(store: Path, entries: list[Entry], limits: Limits) -> list[tuple[float, ...] | str]:
    images = FolderStore(store, limits.max_bytes)
    return [_examine(images, entry, limits) for entry in entries]


def _examine(images: FolderStore, entry: Entry, limits: Limits) -> tuple[float, ...] | str:
    if entry.target is None or not 0 <= entry.target < len(CARGO_LABELS):
        return f"{entry.image_path}: class {entry.target} is none of 0 to {len(CARGO_LABELS) - 1}"
    if entry.sha256 is None or not _DIGEST.fullmatch(entry.sha256):
        return f"{entry.image_path}: no SHA-256 in the list"
    try:
        data = images.read(entry.image_path)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            return f"{entry.image_path}: not the image that the list describes (another SHA-256)"
        return astuple(to_array(data, SIZE, limits.max_pixels)[1])
    except Rejection as rejection:
        return f"{entry.image_path}: {rejection}"


def _contradictions(entries: Sequence[Entry]) -> list[str]:
    """One image under two classes."""
    first: dict[str | None, Entry] = {}
    faults = []
    for entry in entries:
        other = first.setdefault(entry.sha256, entry)
        if entry.sha256 is not None and other.target != entry.target:
            faults.append(f"{entry.image_path}: class {entry.target}, but the same image is {other.image_path} of "
                          f"class {other.target}")
    return faults


def _missing(entries: Sequence[Entry]) -> list[str]:
    found = {entry.target for entry in entries}
    return [f"class {target} ({label}): no image" for target, label in enumerate(CARGO_LABELS) if target not in found]
