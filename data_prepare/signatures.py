"""How each known kind of damage moves the image statistics, so that a drift can be given a name."""

import io
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, Rejection
from cargostream.reference import STATISTICS
from data_prepare.corrupt import KINDS, corrupt
from data_prepare.fields import Pixels
from data_prepare.lists import read_entries
from data_prepare.parallel import in_processes
from data_prepare.spoil import QUALITY, read_pixels

SEVERITY = 3
SIZE = 128
"""Side to which images are decoded before they are measured; a served model's own differs little from it."""
NAMES = (*KINDS, "mixed")
MAX_PIXELS = 50_000_000
FLOOR = 1e-6
"""Smallest deviation that is divided by: black pictures have no contrast to differ in."""

Statistics = npt.NDArray[np.float64]
"""Shape (images, 4): brightness, contrast, sharpness, saturated share, as in `cargostream.decode.ImageStatistics`."""
LOT = 8


def signatures(images: Sequence[Pixels], seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """For each kind and for `mixed`, at severity 3: a vector of 8, how the statistics of these images move.

    First the shift of the mean of brightness, contrast, sharpness and saturated share, in deviations of the clean
    images; then the natural logarithm of the ratio of the deviations. `images` are full-size and clean, uint8 (height,
    width, 3); at least two.
    """
    return _moved(_measured(images, seed))


def signatures_of(store: Path, listing: Path, limit: int = 200, seed: int = 0,
                  size: int = SIZE, skip: bool = False) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Names of the kinds and `mixed`, and their signatures, shape (kinds, 8), from `limit` images of a list.

    The images are drawn without regard to class. `size`: side to which the model decodes. `skip`: leave out images
    that a model would refuse.

    Raises:
        CargostreamError: the list or an image of it cannot be read, or it has fewer than two images.
    """
    paths = [line.image_path for line in read_entries(listing)]
    chosen = np.random.default_rng(seed).choice(len(paths), min(limit, len(paths)), replace=False)
    chosen.sort()
    lots = [(store, [paths[each] for each in chosen[start:start + LOT]], seed + start, size, skip)
            for start in range(0, len(chosen), LOT)]
    measured = np.concatenate(list(in_processes(_measured_files, lots)), axis=1)
    if measured.shape[1] < 2:
        raise CargostreamError(f"{listing} has fewer than two images, too few to see how they move.")
    found = _moved(measured)
    return list(found), np.stack(list(found.values()))


def _measured_files(store: Path, paths: list[str], seed: int, size: int, skip: bool) -> Statistics:
    images = []
    for path in paths:
        try:
            data = (store / path).read_bytes()
            if skip:
                to_array(data, size, MAX_PIXELS)
            images.append(read_pixels(data)[0])
        except (OSError, Rejection) as error:
            if not skip:
                raise CargostreamError(f"The image {store / path} cannot be read: {error}.") from error
    return _measured(images, seed, size)


def _measured(images: Sequence[Pixels], seed: int, size: int = SIZE) -> Statistics:
    """Shape (1 + kinds, images, 4): the clean images' statistics first."""
    rows: list[list[tuple[float, ...]]] = []
    for name in (None, *NAMES):
        rng = np.random.default_rng([seed, len(rows)])
        rows.append([_statistics(image if name is None else corrupt(image, name, SEVERITY, rng)[0], size)
                     for image in images])
    return np.array(rows).reshape(len(rows), len(images), -1) if images else np.zeros((len(rows), 0, len(STATISTICS)))


def _statistics(pixels: Pixels, size: int) -> tuple[float, ...]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return astuple(to_array(file.getvalue(), size, pixels.size)[1])


def _moved(measured: Statistics) -> dict[str, npt.NDArray[np.float32]]:
    mean, deviation = measured.mean(axis=1), np.maximum(measured.std(axis=1), FLOOR)
    shift = (mean[1:] - mean[0]) / deviation[0]
    spread = np.log(deviation[1:] / deviation[0])
    vectors = np.concatenate([shift, spread], axis=1).astype(np.float32)
    return dict(zip(NAMES, vectors, strict=True))
