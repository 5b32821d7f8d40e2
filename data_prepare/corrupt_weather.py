"""What weather puts between the camera and the ground: fog, rain or snow, dirt on the lens.

After fog, snow and spatter of ImageNet-C (arXiv 1903.12261); every length is a share of the shorter side.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data_prepare.fields import Parameters, Pixels, enlarged, laid_over, smooth

FOG = (0.45, 0.55, 0.65, 0.72, 0.78)
"""Share of the light that comes from the fog; in ImageNet-C it is 0.60 to 0.75."""
FLAKES = (60, 110, 180, 270, 380)
STREAKS = (120, 220, 350, 500, 700)
WHITENED = (0.15, 0.25, 0.32, 0.38, 0.45)
"""How far snow in the air lightens the picture; ImageNet-C: 0.20 to 0.45."""
DIMMED = (0.10, 0.16, 0.22, 0.28, 0.35)
"""How far rain darkens and greys it."""
COVERED = (0.10, 0.17, 0.25, 0.34, 0.44)
"""Share of the lens that is dirty."""

LAYER = 256
"""Shorter side, in pixels, at which flakes and streaks are drawn, before they are enlarged: they are never sharp."""


def fog(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Light grey that hides most where it is thickest."""
    strength, light = FOG[severity - 1], float(rng.uniform(190, 245))
    thickness = smooth(pixels, rng, 3, 4, 0.55)
    cover = np.float32(strength) + np.float32(0.35) * (thickness - thickness.mean())
    return (laid_over(pixels, (light, light, light), cover.clip(0, 0.95)),
            {"strength": strength, "light": round(light, 1)})


def precipitation(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Rain or snow, as likely one as the other."""
    layer = Image.new("L", _layer_size(pixels))
    draw = ImageDraw.Draw(layer)
    slant = float(rng.uniform(-0.6, 0.6))
    if rng.random() < 0.5:
        pixels, count = _grey(pixels, WHITENED[severity - 1], 235), FLAKES[severity - 1]
        _draw_flakes(draw, layer.size, count, slant, rng)
        drawn, what, colour = layer.filter(ImageFilter.BoxBlur(0.8)), "snow", (250.0, 250.0, 252.0)
    else:
        pixels, count = _grey(pixels, DIMMED[severity - 1], 70), STREAKS[severity - 1]
        _draw_streaks(draw, layer.size, count, slant, rng)
        drawn, what, colour = layer.filter(ImageFilter.BoxBlur(0.5)), "rain", (205.0, 210.0, 218.0)
    cover = enlarged(np.asarray(drawn, np.float32) / np.float32(255), pixels)
    return laid_over(pixels, colour, cover), {"what": what, "count": count, "slant": round(slant, 3)}


def dirt(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Mud and dust on the lens: brown patches with soft edges, too near to be in focus."""
    share = COVERED[severity - 1]
    field = smooth(pixels, rng, 5, 3, 0.5)
    edge = float(np.quantile(field[::4, ::4], 1 - share))
    cover = np.clip((field - np.float32(edge)) / np.float32(0.08) + 0.5, 0, 1) * np.float32(rng.uniform(0.88, 0.97))
    tone = rng.uniform(0.6, 1.3)
    mud = (75.0 * tone, 58.0 * tone, 40.0 * tone)
    return laid_over(pixels, mud, cover), {"share": share, "colour": [round(each, 1) for each in mud]}


def _grey(pixels: Pixels, share: float, grey: int) -> Pixels:
    values = np.arange(256) * (1 - share) + grey * share
    return values.astype(np.uint8)[pixels]


def _layer_size(pixels: Pixels) -> tuple[int, int]:
    height, width, _ = pixels.shape
    factor = LAYER / min(height, width)
    # A very long picture gets a layer of bounded size: the drops grow longer with it, which nobody can tell.
    return min(round(width * factor), 8 * LAYER), min(round(height * factor), 8 * LAYER)


def _draw_flakes(draw: ImageDraw.ImageDraw, size: tuple[int, int], count: int, slant: float,
                 rng: np.random.Generator) -> None:
    for x, y, radius, light in rng.uniform((0, 0, 0.8, 140), (*size, 3.2, 255), (count, 4)).tolist():
        # Near flakes fall further while the shutter is open.
        draw.line((x, y, x + slant * 2 * radius, y + 2 * radius), fill=int(light), width=max(1, round(1.6 * radius)))


def _draw_streaks(draw: ImageDraw.ImageDraw, size: tuple[int, int], count: int, slant: float,
                  rng: np.random.Generator) -> None:
    for x, y, length, light in rng.uniform((0, 0, 8, 60), (*size, 34, 190), (count, 4)).tolist():
        draw.line((x, y, x + slant * length, y + length * math.sqrt(1 - slant**2 / 2)), fill=int(light),
                  width=1 if length < 24 else 2)
