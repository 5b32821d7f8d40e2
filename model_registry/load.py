"""Image sets as arrays, read by the same functions that serve."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from cargostream.decode import ImageStatistics, to_array
from cargostream.errors import CargostreamError, Rejection
from cargostream.images import FolderStore
from cargostream.labels import CARGO_LABELS
from cargostream.reference import STATISTICS

MAX_BYTES, MAX_PIXELS = 20_000_000, 50_000_000


class Line(msgspec.Struct, frozen=True):
    """A line of an image list: a path within the store, the class id, SHA-256 of the file in hex if it is known."""

    image_path: str
    target: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """`n` images: pixels uint8 (n, size, size, 3), class ids int64 (n,), SHA-256 of the files in hex (n,), and the
    statistics of the pixels float32 (n, 4), see `cargostream.reference.STATISTICS`."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    digests: npt.NDArray[np.str_]
    statistics: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Images":
        """Some of them: those that a mask or row numbers tell."""
        return Images(self.pixels[rows], self.labels[rows], self.digests[rows], self.statistics[rows])

    def __add__(self, other: "Images") -> "Images":
        return Images(np.concatenate([self.pixels, other.pixels]), np.concatenate([self.labels, other.labels]),
                      np.concatenate([self.digests, other.digests]),
                      np.concatenate([self.statistics, other.statistics]))


def load_images(store: Path, listing: Path, size: int, skipped: Callable[[str], None] | None = None) -> Images:
    """The images of a list, in its order.

    Images that cannot be used are left out if `skipped` is given, which is called with what and why for each.

    Raises:
        CargostreamError: the list cannot be used, or images of it; all of them are named.
    """
    lines = _lines(listing)
    folder = FolderStore(store, MAX_BYTES)
    with ThreadPoolExecutor() as threads:
        read = list(threads.map(lambda line: _read(folder, line, size), lines))
    bad = [f"{line.image_path}: {found}" for line, found in zip(lines, read, strict=True) if isinstance(found, str)]
    if bad and skipped is None:
        raise CargostreamError(f"{len(bad)} of the {len(lines)} images of {listing} cannot be used; --skip-unreadable "
                               f"leaves them out: {'; '.join(bad)}")
    for reason in bad:
        skipped and skipped(reason)
    sound = [(line, *found) for line, found in zip(lines, read, strict=True) if not isinstance(found, str)]
    if not sound:
        raise CargostreamError(f"The image list {listing} is empty." if not lines else
                               f"No image of the list {listing} can be used.")
    return Images(np.stack([pixels for _, pixels, _, _ in sound]),
                  np.array([line.target for line, *_ in sound], np.int64),
                  np.array([digest for *_, digest in sound]),
                  np.array([[getattr(seen, name) for name in STATISTICS] for _, _, seen, _ in sound], np.float32))


def load_set(store: Path, listing: Path, size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images uint8 (n, size, size, 3) and class ids int64 (n,) of a list, in its order. Raises as `load_images`."""
    images = load_images(store, listing, size)
    return images.pixels, images.labels


def set_digest(listing: Path) -> str:
    """SHA-256 of the list in hex; it covers the images, whose digests are in it."""
    return hashlib.sha256(listing.read_bytes()).hexdigest()


def listed_digests(listing: Path) -> set[str]:
    """SHA-256 of the list's images in hex, where it has them.

    Raises:
        CargostreamError: the list cannot be used.
    """
    return {line.sha256 for line in _lines(listing) if line.sha256}


def _lines(listing: Path) -> list[Line]:
    try:
        return msgspec.json.Decoder(Line).decode_lines(listing.read_bytes())
    except OSError as error:
        raise CargostreamError(f"The image list {listing} cannot be used: {error.filename}: {error.strerror}. "
                               f"`cargostream data synthesize` draws the sets.") from error
    except msgspec.DecodeError as error:
        raise CargostreamError(f"The image list {listing} cannot be used: {error}.") from error


def _read(store: FolderStore, line: Line, size: int) -> tuple[npt.NDArray[np.uint8], ImageStatistics, str] | str:
    """Pixels, statistics and digest; or why there are none."""
    if not 0 <= line.target < len(CARGO_LABELS):
        return f"class {line.target} is none of 0 to {len(CARGO_LABELS) - 1}"
    try:
        data = store.read(line.image_path)
        digest = hashlib.sha256(data).hexdigest()
        if line.sha256 and digest != line.sha256:
            return "not the one that the list describes"
        return *to_array(data, size, MAX_PIXELS), digest
    except Rejection as error:
        return error.detail
