"""Anybody's images as a set of a store: linked or copied into it, or left where they are, and listed with digests."""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cargostream.errors import CargostreamError, Rejection, UsageError
from cargostream.images import make_store, split_path
from cargostream.labels import CARGO_LABELS
from data_prepare.files import Limits, Unreadable, find_images, read_image, refuse_unreadable
from data_prepare.lists import Entry, Listed, locked, write_lines
from data_prepare.parallel import in_processes

LOT = 32
LINKED, COPIED, IN_PLACE = "hard links", "copies", "left in place"


class Imported(NamedTuple):
    """What an import did. `ways`: how many images came which way. `duplicates`: paths of images with one digest."""

    listing: Path
    lines: list[Listed]
    ways: dict[str, int]
    unreadable: list[Unreadable]
    duplicates: list[list[str]]


def entries_of_folder(folder: Path) -> list[Entry]:
    """The images below a folder, with the class that their first folder is named after, in whatever case, if any.

    In the order of the classes and then of the paths.

    Raises:
        CargostreamError: there is no such folder, no image in it, or no folder named after a class.
    """
    labels = {label: target for target, label in enumerate(CARGO_LABELS)}
    entries = [Entry(path, labels.get(path.split("/")[0].casefold())) for path in find_images(folder)]
    if all(entry.target is None for entry in entries):
        raise CargostreamError(f"{folder} has no folder named after a class: {', '.join(CARGO_LABELS)}.")
    return sorted(entries, key=lambda entry: (len(labels) if entry.target is None else entry.target, entry.image_path))


def import_images(root: Path, entries: Sequence[Entry], store: Path, name: str, limits: Limits, *, skip: bool = False,
                  report: Callable[[Unreadable], None] | None = None,
                  progress: Callable[[int, int], None] | None = None) -> Imported:
    """Make `root`'s images the set `name` of a store, in the order of `entries`; the list is written last.

    Files on the store's file system are linked, others copied; those within the store stay where they are if the
    worker can read them there. A path that the store does not allow is replaced by one named after the digest.

    Raises:
        UsageError: there is such a set already, or its name cannot be one.
        CargostreamError: there are images that cannot be used and `skip` is false, or all are such.
    """
    _check_name(name)
    lots = [(root, list(entries[start:start + LOT]), limits) for start in range(0, len(entries), LOT)]
    usable: list[tuple[Entry, str]] = []
    unreadable: list[Unreadable] = []
    done = 0
    try:
        with locked(store):
            make_store(store)
            if (listing := store / f"{name}.jsonl").exists():
                raise UsageError(f"There is a set {name} in {store} already; import under another --name.")
            for lot in in_processes(_judge_lot, lots):
                usable += [each for each in lot if not isinstance(each, Unreadable)]
                unreadable += [each for each in lot if isinstance(each, Unreadable)]
                done += len(lot)
                if progress:
                    progress(done, len(entries))
            refuse_unreadable(unreadable, len(entries), skip, report)
            lines, ways = _brought_in(root, usable, store, name)
            write_lines(listing, lines)
    except OSError as error:
        raise CargostreamError(f"The images cannot be brought into {store}: {error.strerror}.") from error
    return Imported(listing, lines, ways, unreadable, _duplicates(lines))


def _check_name(name: str) -> None:
    try:
        if len(split_path(name)) == 1 and not name.endswith(".corruptions"):
            return
    except Rejection:
        pass
    raise UsageError(f"{name!r} cannot be the name of a set: use letters, digits, - and _.")


def _judge_lot(root: Path, entries: list[Entry], limits: Limits) -> list[tuple[Entry, str] | Unreadable]:
    """Each entry with its file's digest, or why it cannot be used."""
    judged: list[tuple[Entry, str] | Unreadable] = []
    for entry in entries:
        if entry.target is None or not 0 <= entry.target < len(CARGO_LABELS):
            what = "in no folder named after a class" if entry.target is None else f"of an unknown class {entry.target}"
            judged.append(Unreadable(entry.image_path, what))
            continue
        try:
            digest = hashlib.sha256(read_image(root / entry.image_path, limits)).hexdigest()
        except Rejection as rejection:
            judged.append(Unreadable(entry.image_path, str(rejection)))
            continue
        changed = entry.sha256 is not None and entry.sha256 != digest
        judged.append(Unreadable(entry.image_path, "not the image that the list describes") if changed
                      else (entry, digest))
    return judged


def _brought_in(root: Path, usable: list[tuple[Entry, str]], store: Path,
                name: str) -> tuple[list[Listed], dict[str, int]]:
    # The folder gets its name when it is complete: a crash leaves nothing that looks done.
    partial, folder = store / f".{name}.partial", store / name
    shutil.rmtree(partial, ignore_errors=True)
    lines: list[Listed] = []
    ways = Counter({LINKED: 0, COPIED: 0, IN_PLACE: 0})
    taken: set[str] = set()
    try:
        for entry, digest in usable:
            file = Path(os.path.realpath(root / entry.image_path))
            if there := _within(store, file):
                lines.append(Listed(there, int(entry.target or 0), digest))
                ways[IN_PLACE] += 1
                continue
            path = _free_path(name, entry, digest, taken)
            ways[_link_or_copy(file, partial / path.removeprefix(f"{name}/"))] += 1
            lines.append(Listed(path, int(entry.target or 0), digest))
        if taken:
            if folder.exists():
                raise CargostreamError(f"{folder} is there already and belongs to no list: remove it, or import under "
                                       f"another --name.")
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return lines, dict(ways)


def _within(store: Path, file: Path) -> str | None:
    """The path by which the worker can read the file where it is."""
    try:
        path = file.relative_to(store.resolve()).as_posix()
        split_path(path)
    except (ValueError, Rejection):
        return None
    return path


def _free_path(name: str, entry: Entry, digest: str, taken: set[str]) -> str:
    label = CARGO_LABELS[int(entry.target or 0)]
    inner = entry.image_path.split("/")
    inner = inner[1:] if inner[0].casefold() == label else inner
    suffix = Path(entry.image_path).suffix.lower()
    path, again = "/".join((name, label, *inner)), 1
    while path.casefold() in taken or not _allowed(path):
        path = f"{name}/{label}/{digest[:16]}{f'-{again}' if again > 1 else ''}{suffix}"
        again += 1
    taken.add(path.casefold())
    return path


def _allowed(path: str) -> bool:
    try:
        split_path(path)
    except Rejection:
        return False
    return True


def _link_or_copy(file: Path, to: Path) -> str:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, to)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, to)
        return COPIED
    return LINKED


def _duplicates(lines: list[Listed]) -> list[list[str]]:
    paths: dict[str, list[str]] = {}
    for line in lines:
        paths.setdefault(line.sha256, []).append(line.image_path)
    return [same for same in paths.values() if len(same) > 1]
