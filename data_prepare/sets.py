"""The named sets of images: how many of each kind, from which seed, and how they come to lie in a store.

    <store>/<set>/<class>/<class>_<n>.jpg    the images
    <store>/<set>.corruptions.jsonl          of a spoiled set: what was done to each image
    <store>/<set>.jsonl                      their list; a set exists when its list does

Every image has a random generator of its own, seeded with (seed, set, class, number): sets never share a draw, and it
does not matter which process draws which image.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cargostream.errors import CargostreamError, UsageError
from cargostream.images import make_store
from cargostream.labels import CARGO_LABELS
from data_prepare.lists import Listed, locked, read_list, write_lines
from data_prepare.parallel import in_processes
from data_prepare.photograph import photograph
from data_prepare.spoil import Damage, spoil

SEED = 2022
LOT = 16
"""Images that a process draws at a time; progress is told after each lot."""

TYPE, SEVERITY = "mixed", 3
"""What Tuesday does to every image: one kind of damage each, at the middle severity. Never tuned to a model."""

Counts = tuple[int, int, int, int, int]


class ImageSet(NamedTuple):
    """A set's place in the seeds, which never changes, and its images per class, in the order of CARGO_LABELS."""

    number: int
    counts: Counts
    spoiled: bool = False


SETS = {
    "monday": ImageSet(1, (43, 145, 378, 226, 191)),
    "tuesday": ImageSet(2, (42, 144, 378, 224, 190), spoiled=True),
    # About twice a day, with enough of the rare class to measure it.
    "evaluation-monday": ImageSet(3, (200, 300, 700, 430, 370)),
    "evaluation-tuesday": ImageSet(4, (200, 300, 700, 430, 370), spoiled=True),
    "stream": ImageSet(5, (44, 147, 385, 230, 194)),
    # For the model that ships: it learns from more than one day, and from nothing that anybody measures on.
    "starter": ImageSet(6, (400, 700, 800, 700, 700)),
    "stream-tuesday": ImageSet(7, (44, 147, 385, 230, 194), spoiled=True),
}


Progress = Callable[[int, int], None]
"""Called with (images drawn so far, images in all)."""


def draw(name: str, target: int, number: int, seed: int = SEED, sets: dict[str, ImageSet] = SETS) -> bytes:
    """The JPEG of image `number` (from 0) of a class of a set, spoiled if the set is."""
    return _drawn(name, target, number, seed, sets)[0]


def ensure_set(store: Path, name: str, *, seed: int | None = None, progress: Progress | None = None,
               sets: dict[str, ImageSet] = SETS) -> Path:
    """Draw the set into the store if it is not there; its list's path. Two callers at once draw it once.

    A set that is there stays as it is. `seed` None stands for SEED when it has to be drawn.

    Raises:
        UsageError: there is no such set, or the one in the store was drawn from another seed than the one asked for.
        CargostreamError: the store cannot be written, or holds a set that should be spoiled and is not.
    """
    if name not in sets:
        raise UsageError(f"There is no image set {name!r}; there are {', '.join(sets)}.")
    listing = store / f"{name}.jsonl"
    try:
        with locked(store):
            make_store(store)
            if not listing.exists():
                _draw_all(store, name, SEED if seed is None else seed, progress, sets)
            else:
                _check(listing, name, seed, sets)
    except OSError as error:
        raise CargostreamError(f"The image set {name} cannot be written to {store}: {error.strerror}.") from error
    return listing


def _draw_all(store: Path, name: str, seed: int, progress: Progress | None, sets: dict[str, ImageSet]) -> None:
    # The folder gets its name when it is complete, and the list comes last: a crash leaves nothing that looks done.
    partial = store / f".{name}.partial"
    for folder in (partial, store / name):
        shutil.rmtree(folder, ignore_errors=True)
    for label in CARGO_LABELS:
        (partial / label).mkdir(parents=True)
    images = [(target, number) for target, count in enumerate(sets[name].counts) for number in range(count)]
    lines: list[Listed] = []
    damages: list[Damage] = []
    for lot in in_processes(_draw_lot, [(partial, name, seed, part, sets) for part in _lots(images)]):
        for line, damage in lot:
            lines.append(line)
            damages += [damage] if damage else []
        if progress:
            progress(len(lines), len(images))
    partial.rename(store / name)
    if sets[name].spoiled:
        write_lines(store / f"{name}.corruptions.jsonl", damages)
    write_lines(store / f"{name}.jsonl", lines)


def _lots(images: list[tuple[int, int]], size: int = LOT) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(images), size):
        yield images[start:start + size]


def _draw_lot(folder: Path, name: str, seed: int, images: list[tuple[int, int]],
              sets: dict[str, ImageSet]) -> list[tuple[Listed, Damage | None]]:
    lines = []
    for target, number in images:
        data, damage = _drawn(name, target, number, seed, sets)
        file = _file(target, number)
        (folder / file).write_bytes(data)
        lines.append((Listed(f"{name}/{file}", target, hashlib.sha256(data).hexdigest()), damage))
    return lines


def _file(target: int, number: int) -> str:
    return f"{CARGO_LABELS[target]}/{CARGO_LABELS[target]}_{number}.jpg"


def _drawn(name: str, target: int, number: int, seed: int, sets: dict[str, ImageSet]) -> tuple[bytes, Damage | None]:
    clean = photograph(CARGO_LABELS[target], np.random.default_rng([seed, sets[name].number, target, number]))
    if not sets[name].spoiled:
        return clean, None
    return spoil(clean, f"{name}/{_file(target, number)}", TYPE, SEVERITY, seed)


def _check(listing: Path, name: str, seed: int | None, sets: dict[str, ImageSet]) -> None:
    # Drawing the first image again costs less than keeping a record of seeds that could be wrong.
    if not (lines := read_list(listing)):
        return
    first = lines[0]

    def drawn(images: dict[str, ImageSet]) -> bool:
        data = draw(name, first.target, 0, SEED if seed is None else seed, images)
        return hashlib.sha256(data).hexdigest() == first.sha256

    if sets[name].spoiled and drawn({name: sets[name]._replace(spoiled=False)}):
        # Not drawn again unasked: rows may name the images with their digests.
        raise CargostreamError(f"{listing.parent / name} is clean, from a version whose {name} was not spoiled: remove "
                               f"that folder and {listing}, and it will be drawn spoiled.")
    if seed is not None and not drawn(sets):
        raise UsageError(f"{listing.parent / name} was drawn from another seed than {seed} or by other versions; "
                         f"name another store, or remove the folder and its list.")
