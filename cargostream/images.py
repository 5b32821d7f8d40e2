"""The image store: from a row's `image_path` to bytes.

A path comes from whoever may write a row, so it is judged before the file system hears of it, and nothing outside the
store, no link and nothing but a regular file is ever read.
"""

import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cargostream.errors import RejectCode, Rejection, Unavailable

MARKER = ".cargostream-store"
"""A file in the store's root, made with the store. A missing image is an answer only while it is there: without it the
store itself is not there (not mounted, say), which is a fault that may heal."""

MAX_PATH = 512

# Letters, digits and a few signs, starting and ending with something visible: no `..`, no hidden files, no `%2e`, no
# backslash, no scheme, nothing that turns or forges a line of a log. Combining marks are refused with the rest, so that
# two spellings of one name cannot differ.
_SEGMENT = re.compile(r"\w(?:[\w .,()+=@-]*[\w)])?")

_HEALS = {errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
          errno.EAGAIN}
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ImageStore(Protocol):
    """Where images come from."""

    def read(self, path: str) -> bytes:
        """The image's bytes.

        Raises:
            Rejection: the row is at fault: its path, or the file there.
            Unavailable: the store is not there at the moment.
        """


class FolderStore:
    """Images as files in a folder."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self.max_bytes = max_bytes

    def read(self, path: str) -> bytes:
        """See `ImageStore.read`. Never blocks on a FIFO, never reads more than `max_bytes`."""
        segments = split_path(path)
        try:
            file = self._open(segments)
        except OSError as error:
            raise self._judged(error, segments) from error
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise Rejection(RejectCode.NOT_A_FILE, "not a regular file")
            return self._content(file, found.st_size)
        except OSError as error:
            raise self._judged(error, segments) from error
        finally:
            os.close(file)

    def _open(self, segments: list[str]) -> int:
        """Walk down from the root, one segment at a time, so that no link on the way is followed."""
        here = os.open(self.root, _FLAGS & ~os.O_NOFOLLOW | os.O_DIRECTORY)
        for number, name in enumerate(segments, start=1):
            try:
                there = os.open(name, _FLAGS if number == len(segments) else _FLAGS | os.O_DIRECTORY, dir_fd=here)
            finally:
                os.close(here)
            here = there
        return here

    def _content(self, file: int, size: int) -> bytes:
        if size > self.max_bytes:
            raise Rejection(RejectCode.FILE_TOO_LARGE, f"{size} bytes, at most {self.max_bytes} are read")
        parts = []
        left = self.max_bytes + 1  # the file may grow while it is read
        while left > 0 and (part := os.read(file, min(left, max(size, 65536)))):
            parts.append(part)
            left -= len(part)
        if left <= 0:
            raise Rejection(RejectCode.FILE_TOO_LARGE, f"more than {self.max_bytes} bytes")
        if not parts:
            raise Rejection(RejectCode.EMPTY_FILE, "the file has no bytes")
        return b"".join(parts)

    def _judged(self, error: OSError, segments: list[str]) -> Rejection | Unavailable:
        """What a failed open or read means."""
        if error.errno in _HEALS or not (self.root / MARKER).is_file():
            return Unavailable(f"The image store {self.root} cannot be read: {error.strerror}. Is it mounted, with its "
                               f"marker file {MARKER}?")
        if any(link := [p for p in self._prefixes(segments) if p.is_symlink()]):
            inside = Path(os.path.realpath(link[0])).is_relative_to(os.path.realpath(self.root))
            code = RejectCode.NOT_A_FILE if inside else RejectCode.PATH_NOT_ALLOWED
            return Rejection(code, "links in the store are not followed")
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return Rejection(RejectCode.FILE_NOT_FOUND, "no such file in the store")
            case errno.ENXIO | errno.ELOOP | errno.EISDIR:
                return Rejection(RejectCode.NOT_A_FILE, "not a regular file")
        return Rejection(RejectCode.NOT_READABLE, error.strerror or "cannot be read")

    def _prefixes(self, segments: list[str]) -> list[Path]:
        return [self.root.joinpath(*segments[:n]) for n in range(1, len(segments) + 1)]


class MemoryStore:
    """Images in a dictionary, for tests. `missing` is what an unknown path raises."""

    def __init__(self, images: Mapping[str, bytes], missing: Exception | None = None) -> None:
        self.images = images
        self.missing = missing or Rejection(RejectCode.FILE_NOT_FOUND, "no such file in the store")

    def read(self, path: str) -> bytes:
        """See `ImageStore.read`; the path is judged as in a folder."""
        split_path(path)
        if path not in self.images:
            raise self.missing
        return self.images[path]


def make_store(root: Path) -> None:
    """Make the folder and its marker file, if they are not there."""
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).touch()


def split_path(path: str) -> list[str]:
    """The segments of an image path.

    Raises:
        Rejection: `path_not_allowed`, for anything but plain names below the root, separated by single slashes.
    """
    segments = path.split("/")
    if len(path) > MAX_PATH or not all(_SEGMENT.fullmatch(s) and len(s.encode()) <= 255 for s in segments):
        raise Rejection(RejectCode.PATH_NOT_ALLOWED, "not a relative path of plain names")
    return segments
