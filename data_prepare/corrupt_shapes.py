"""What covers parts of a picture: the original system's boxes, mosaics and line, with its pixels made fractions.

The original drew boxes of 100 to 200 pixels and lines of 50 to 200 whatever the picture's size, and failed below 200.
Here they are fractions of the shorter side that give the same numbers on a photo of 720 lines. Severity 3 is what the
original did; the other severities have fewer or more regions, a thinner or wider line.
"""

import numpy as np
from PIL import Image, ImageDraw

from data_prepare.fields import Parameters, Pixels

TYPICAL = 720
"""Shorter side, in pixels, of the photo on which the original's numbers hold."""

REGIONS = ((1, 3), (3, 6), (5, 10), (8, 14), (11, 18))
"""Fewest and most regions, by severity."""
SIDE = (100 / TYPICAL, 200 / TYPICAL)
CELLS = 10
"""A mosaic's cells per side of its region."""
WIDTH = (50 / TYPICAL, 200 / TYPICAL)
WIDER = (0.4, 0.7, 1.0, 1.3, 1.6)
"""The line's width against the original's, by severity."""

Box = tuple[int, int, int, int]


def random_boxes(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """White rectangles."""
    boxes = _regions(pixels, severity, rng)
    pixels = pixels.copy()
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return pixels, {"boxes": [list(box) for box in boxes]}


def mosaic(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Rectangles coarsened to CELLS x CELLS cells, or to cells of two pixels where they are smaller than that."""
    boxes = _regions(pixels, severity, rng)
    picture = Image.fromarray(pixels)
    for box in boxes:
        width, height = box[2] - box[0], box[3] - box[1]
        coarse = min(CELLS, (width + 1) // 2), min(CELLS, (height + 1) // 2)
        region = picture.crop(box).resize(coarse, Image.Resampling.NEAREST)
        picture.paste(region.resize((width, height), Image.Resampling.NEAREST), box[:2])
    return np.array(picture), {"boxes": [list(box) for box in boxes]}


def random_line(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """One black line through the centre, from edge to edge."""
    height, width, _ = pixels.shape
    across = rng.uniform(*WIDTH) * WIDER[severity - 1] * min(height, width)
    if rng.random() < 0.5:
        start = float(rng.uniform(0, width))
        ends = (start, 0.0, width - start, float(height))
    else:
        start = float(rng.uniform(0, height))
        ends = (0.0, start, float(width), height - start)
    picture = Image.fromarray(pixels)
    ImageDraw.Draw(picture).line(_beyond(ends), fill=(0, 0, 0), width=max(1, round(across)))
    return np.array(picture), {"ends": [round(end, 1) for end in ends], "width": max(1, round(across))}


def _regions(pixels: Pixels, severity: int, rng: np.random.Generator) -> list[Box]:
    height, width, _ = pixels.shape
    fewest, most = REGIONS[severity - 1]
    boxes = []
    for _ in range(rng.integers(fewest, most + 1)):
        across, down = (max(1, round(side)) for side in rng.uniform(*SIDE, 2) * min(height, width))
        left, top = int(rng.integers(0, width - across + 1)), int(rng.integers(0, height - down + 1))
        boxes.append((left, top, left + across, top + down))
    return boxes


def _beyond(ends: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The line made longer at both ends, so that a wide one has no corner within the picture."""
    x, y, to_x, to_y = ends
    return x - (to_x - x), y - (to_y - y), to_x + (to_x - x), to_y + (to_y - y)
