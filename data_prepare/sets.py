"""The named sets of images: how many of each kind, from which seed, and how they come to lie in a store.

    <store>/<set>/<class>/<class>_<n>.jpg    the images
    <store>/<set>.jsonl                      their list; a set exists when its list does

Every image has a random generator of its own, seeded with (seed, set, class, number): sets never share a draw, and it
does not matter which process draws which image.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from cargostream.errors import CargostreamError, UsageError
from cargostream.images import make_store
from cargostream.labels import CARGO_LABELS
from data_prepare.parallel import in_processes
from data_prepare.photograph import photograph

SEED = 2022
LOT = 16
"""Images that a process draws at a time; progress is told after each lot."""

Counts = tuple[int, int, int, int, int]


class ImageSet(NamedTuple):
    """A set's place in the seeds, which never changes, and its images per class, in the order of CARGO_LABELS."""

    number: int
    counts: Counts


SETS = {
    "monday": ImageSet(1, (43, 145, 378, 226, 191)),
    "tuesday": ImageSet(2, (42, 144, 378, 224, 190)),
    # About twice a day, with enough of the rare class to measure it.
    "evaluation-monday": ImageSet(3, (200, 300, 700, 430, 370)),
    "evaluation-tuesday": ImageSet(4, (200, 300, 700, 430, 370)),
    "stream": ImageSet(5, (44, 147, 385, 230, 194)),
    # For the model that ships: it learns from more than one day, and from nothing that anybody measures on.
    "starter": ImageSet(6, (400, 700, 800, 700, 700)),
}


class Listed(msgspec.Struct, frozen=True):
    """One line of a list: path within the store, class id, SHA-256 of the file in hex."""

    image_path: str
    target: int
    sha256: str


Progress = Callable[[int, int], None]
"""Called with (images drawn so far, images in all)."""


def draw(name: str, target: int, number: int, seed: int = SEED, sets: dict[str, ImageSet] = SETS) -> bytes:
    """The JPEG of image `number` (from 0) of a class of a set."""
    return photograph(CARGO_LABELS[target], np.random.default_rng([seed, sets[name].number, target, number]))


def ensure_set(store: Path, name: str, *, seed: int | None = None, progress: Progress | None = None,
               sets: dict[str, ImageSet] = SETS) -> Path:
    """Draw the set into the store if it is not there; its list's path. Two callers at once draw it once.

    A set that is there stays as it is. `seed` None stands for SEED when it has to be drawn.

    Raises:
        UsageError: there is no such set, or the one in the store was drawn from another seed than the one asked for.
        CargostreamError: the store cannot be written.
    """
    if name not in sets:
        raise UsageError(f"There is no image set {name!r}; there are {', '.join(sets)}.")
    listing = store / f"{name}.jsonl"
    try:
        with _lock(store):
            make_store(store)
            if not listing.exists():
                _draw_all(store, name, SEED if seed is None else seed, progress, sets)
            elif seed is not None:
                _check_seed(listing, name, seed, sets)
    except OSError as error:
        raise CargostreamError(f"The image set {name} cannot be written to {store}: {error.strerror}.") from error
    return listing


def read_list(listing: Path) -> list[Listed]:
    """The images of a list, in its order.

    Raises:
        CargostreamError: the list is not there or not in the shape of `Listed`.
    """
    try:
        return msgspec.json.Decoder(Listed).decode_lines(listing.read_bytes())
    except OSError as error:
        raise CargostreamError(f"The image list {listing} cannot be read: {error.strerror}. "
                               f"`cargostream data synthesize` makes the lists.") from error
    except msgspec.DecodeError as error:
        raise CargostreamError(f"The image list {listing} is not in the expected shape: {error}.") from error


def _draw_all(store: Path, name: str, seed: int, progress: Progress | None, sets: dict[str, ImageSet]) -> None:
    # The folder gets its name when it is complete, and the list comes last: a crash leaves nothing that looks done.
    partial = store / f".{name}.partial"
    for folder in (partial, store / name):
        shutil.rmtree(folder, ignore_errors=True)
    for label in CARGO_LABELS:
        (partial / label).mkdir(parents=True)
    images = [(target, number) for target, count in enumerate(sets[name].counts) for number in range(count)]
    lines: list[Listed] = []
    for lot in in_processes(_draw_lot, [(partial, name, seed, part, sets) for part in _lots(images)]):
        lines += lot
        if progress:
            progress(len(lines), len(images))
    partial.rename(store / name)
    listing = store / f".{name}.jsonl"
    listing.write_bytes(msgspec.json.Encoder().encode_lines(lines))
    listing.rename(store / f"{name}.jsonl")


def _lots(images: list[tuple[int, int]], size: int = LOT) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(images), size):
        yield images[start:start + size]


def _draw_lot(folder: Path, name: str, seed: int, images: list[tuple[int, int]],
              sets: dict[str, ImageSet]) -> list[Listed]:
    lines = []
    for target, number in images:
        data = draw(name, target, number, seed, sets)
        label = CARGO_LABELS[target]
        file = f"{label}/{label}_{number}.jpg"
        (folder / file).write_bytes(data)
        lines.append(Listed(f"{name}/{file}", target, hashlib.sha256(data).hexdigest()))
    return lines


def _check_seed(listing: Path, name: str, seed: int, sets: dict[str, ImageSet]) -> None:
    # Drawing the first image again costs less than keeping a record of seeds that could be wrong.
    first = read_list(listing)[0]
    if hashlib.sha256(draw(name, first.target, 0, seed, sets)).hexdigest() != first.sha256:
        raise UsageError(f"{listing.parent / name} was drawn from another seed than {seed} or by other versions; "
                         f"name another store, or remove the folder and its list.")


@contextmanager
def _lock(store: Path) -> Iterator[None]:
    store.mkdir(parents=True, exist_ok=True)
    lock = os.open(store / ".synthesize.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
