"""The list of a set: one JSON line for each image; a set exists when its list does, so the list is written last."""

import os
from collections.abc import Sequence
from pathlib import Path

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
