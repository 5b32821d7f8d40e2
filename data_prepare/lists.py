"""The list of a set: one JSON line for each image; a set exists when its list does, so the list is written last."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from cargostream.errors import CargostreamError


class Listed(msgspec.Struct, frozen=True):
    """One line of a list: path within the store, class id, SHA-256 of the file in hex."""

    image_path: str
    target: int
    sha256: str


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


class Entry(msgspec.Struct, frozen=True):
    """One line of a list that somebody else wrote, the original system's for instance: the digest may be missing."""

    image_path: str
    target: int | None = None
    sha256: str | None = None


def read_entries(listing: Path) -> list[Entry]:
    """The lines of somebody's list, in its order, each path made one with `/`.

    Raises:
        CargostreamError: the list is not there, is empty, is not of JSON Lines with an `image_path`, or names a file
            outside its root.
    """
    entries = []
    try:
        lines = listing.read_bytes().splitlines()
    except OSError as error:
        raise CargostreamError(f"The image list {listing} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError as error:
            raise CargostreamError(f"Line {number} of {listing} is not in the expected shape: {error}.") from error
        path = PurePosixPath(entry.image_path.replace("\\", "/"))  # Windows wrote some of them
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise CargostreamError(f"Line {number} of {listing} names {entry.image_path!r}, which is no path below the "
                                   f"list's root.")
        entries.append(msgspec.structs.replace(entry, image_path=path.as_posix()))
    if not entries:
        raise CargostreamError(f"The image list {listing} is empty.")
    return entries


def hashed(root: Path, entries: Sequence[Entry]) -> list[Entry]:
    """The lines, each with a digest: that of the list, or else that of the file below `root`.

    Raises:
        CargostreamError: a file without a digest cannot be read.
    """
    try:
        return [entry if entry.sha256 else msgspec.structs.replace(
            entry, sha256=hashlib.sha256((root / entry.image_path).read_bytes()).hexdigest()) for entry in entries]
    except OSError as error:
        raise CargostreamError(f"The list has no SHA-256 of {error.filename}, and the file cannot be read: "
                               f"{error.strerror}.") from error


def write_lines(file: Path, lines: Sequence[msgspec.Struct]) -> None:
    """Write JSON Lines; the file has its name only when it is complete and on the disk.

    Raises:
        OSError: the folder cannot be written.
    """
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("wb") as opened:
        opened.write(msgspec.json.Encoder().encode_lines(lines))
        opened.flush()
        os.fsync(opened.fileno())
    partial.rename(file)


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Let one process at a time put sets into a store; made if it is not there."""
    store.mkdir(parents=True, exist_ok=True)
    lock = os.open(store / ".synthesize.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
