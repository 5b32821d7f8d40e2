"""Image files in anybody's folder: found in a fixed order, read only if they are what the pipeline can use."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, RejectCode, Rejection

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp")
"""What counts as an image in a folder; those that cannot be used after all are told, other files are none."""
SIZE = 64
"""Side to which an image is decoded to find out whether it can be."""


class Limits(NamedTuple):
    """As in the settings, so that what is taken here is taken by the worker too."""

    max_bytes: int
    max_pixels: int


class Unreadable(NamedTuple):
    """An image that cannot be used, and why."""

    path: str
    reason: str


def find_images(folder: Path) -> list[str]:
    """Paths of the images below a folder, relative to it, with `/`, sorted. Not hidden ones, not through links.

    Raises:
        CargostreamError: there is no such folder, or it holds no image.
    """
    if not folder.is_dir():
        raise CargostreamError(f"There is no folder {folder}.")
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here, name).relative_to(folder).as_posix() for name in files
                  if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    if not found:
        raise CargostreamError(f"{folder} holds no image: no file ends in {', '.join(SUFFIXES)}.")
    return sorted(found)


def read_image(file: Path, limits: Limits) -> bytes:
    """The bytes of an image that can be decoded. Never blocks on a FIFO, never reads more than the limit.

    Raises:
        Rejection: it is none, or one that the worker would reject as well.
    """
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        code = RejectCode.FILE_NOT_FOUND if isinstance(error, FileNotFoundError) else RejectCode.NOT_READABLE
        raise Rejection(code, error.strerror or "cannot be read") from error
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise Rejection(RejectCode.NOT_A_FILE, "not a regular file")
        if found.st_size > limits.max_bytes:
            raise Rejection(RejectCode.FILE_TOO_LARGE, f"{found.st_size} bytes, at most {limits.max_bytes} are read")
        with os.fdopen(opened, "rb", closefd=False) as content:
            data = content.read(limits.max_bytes)
    finally:
        os.close(opened)
    to_array(data, SIZE, limits.max_pixels)
    return data


def refuse_unreadable(unreadable: Sequence[Unreadable], total: int, skip: bool,
                      report: Callable[[Unreadable], None] | None) -> None:
    """Report the images that cannot be used; stop for them unless they are to be skipped, or if there are no others.

    Raises:
        CargostreamError: says how many they are.
    """
    for each in unreadable:
        if report:
            report(each)
    if unreadable and not skip:
        raise CargostreamError(f"{len(unreadable)} of {total} images cannot be used; nothing was written. "
                               f"Mend them or leave them out with --skip-unreadable.")
    if len(unreadable) == total:
        raise CargostreamError("None of the images can be used; nothing was written.")
