"""Image sets as arrays, read by the same function that serves."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, Rejection

MAX_PIXELS = 50_000_000


class Line(msgspec.Struct, frozen=True):
    """A line of an image list: a path within the store, the class id, SHA-256 of the file in hex if it is known."""

    image_path: str
    target: int
    sha256: str | None = None


def load_set(store: Path, listing: Path, size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images uint8 (n, size, size, 3) and class ids int64 (n,) of a list, in its order.

    Raises:
        CargostreamError: the list or an image of it cannot be used.
    """
    try:
        lines = msgspec.json.Decoder(Line).decode_lines(listing.read_bytes())
        with ThreadPoolExecutor() as threads:
            images = list(threads.map(lambda line: _read(store, line, size), lines))
    except OSError as error:
        raise CargostreamError(f"The image list {listing} cannot be used: {error.filename}: {error.strerror}. "
                               f"`cargostream data synthesize` draws the sets.") from error
    except (msgspec.DecodeError, Rejection) as error:
        raise CargostreamError(f"The image list {listing} cannot be used: {error}.") from error
    if not images:
        raise CargostreamError(f"The image list {listing} is empty.")
    return np.stack(images), np.array([line.target for line in lines], np.int64)


def set_digest(listing: Path) -> str:
    """SHA-256 of the list in hex; it covers the images, whose digests are in it."""
    return hashlib.sha256(listing.read_bytes()).hexdigest()


def _read(store: Path, line: Line, size: int) -> npt.NDArray[np.uint8]:
    data = (store / line.image_path).read_bytes()
    if line.sha256 and hashlib.sha256(data).hexdigest() != line.sha256:
        raise CargostreamError(f"The image {line.image_path} is not the one that the list describes.")
    return to_array(data, size, MAX_PIXELS)[0]
