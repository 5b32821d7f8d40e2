"""What the kinds of damage have in common: their types, the scale of a picture, and smooth random fields on it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""
Field = npt.NDArray[np.float32]
Parameters = dict[str, Any]
"""What was done to one picture, as JSON can hold it."""

REFERENCE = 224
"""Shorter side, in pixels, for which lengths in pixels are given: the pictures of ImageNet-C."""


def scale(pixels: Pixels) -> float:
    """A picture's size against that of ImageNet-C's pictures."""
    return float(min(pixels.shape[:2])) / REFERENCE


def smooth(pixels: Pixels, rng: np.random.Generator, cells: int, octaves: int, falloff: float) -> Field:
    """Noise on noise, shape (height, width), in 0..1: `cells` to the shorter side, twice as many in each octave.

    It is made on a coarse grid and enlarged, so that its cost hardly depends on the picture; along a picture that is
    more than eight times as long as wide the cells grow longer.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    grid = tuple(max(1, min(edge, round(cells * 2**octaves * min(edge / side, 8)))) for edge in (width, height))
    total = np.zeros(grid[::-1], np.float32)
    for octave in range(octaves):
        coarse = [max(1, round(cells * 2**octave * min(edge / side, 8))) for edge in (height, width)]
        cell = Image.fromarray(rng.standard_normal(coarse, dtype=np.float32))
        total += np.float32(falloff**octave) * np.asarray(cell.resize(grid, Image.Resampling.BICUBIC), np.float32)
    total -= total.min()
    total /= max(float(total.max()), 1e-6)
    return enlarged(total, pixels)


def enlarged(field: Field, pixels: Pixels) -> Field:
    """A field on a coarse grid, at the picture's size."""
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def laid_over(pixels: Pixels, colour: tuple[float, float, float], cover: Field) -> Pixels:
    """The picture under a colour (0..255) that covers each pixel to the given share, 0..1."""
    cover = cover[..., None]
    mixed = pixels * (1 - cover) + np.asarray(colour, np.float32) * cover
    return np.clip(mixed, 0, 255).astype(np.uint8)
