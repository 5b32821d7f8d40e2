"""What a camera does to a picture: blur, noise, too little or too much light, strong compression.

Magnitudes are those of ImageNet-C (Hendrycks and Dietterich, arXiv 1903.12261), low light those of 3D Common
Corruptions (Kar et al., arXiv 2203.01441). Lengths in pixels are ImageNet-C's on its pictures of 224 pixels and grow
and shrink with the shorter side.
"""

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from data_prepare.fields import REFERENCE, Parameters, Pixels, scale

FOCUS = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Out of focus: deviation of the blur, in pixels."""
MOTION = (8.0, 13.0, 18.0, 24.0, 32.0)
"""Moved: length of the way, in pixels."""
STEPS = 24
"""Pictures that a movement is put together from, at most."""
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Deviation, of 1."""
DARKER = (1.5, 2.25, 3.0, 3.75, 4.5)
"""Stops of light that are missing; 3 stops leave 0.4 of a pixel's value."""
DARK_NOISE = (0.02, 0.03, 0.04, 0.05, 0.06)
BRIGHTER = (0.75, 1.1, 1.5, 2.0, 2.5)
"""Stops of light that are too many; 1.5 stops lift a middle grey by ImageNet-C's 0.3."""
QUALITY = (25, 18, 15, 10, 7)

GAMMA = 2.2
SPREAD = 0.15
"""How far a picture's own magnitude lies from its severity's, as a share of it, at most."""


def blur(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Out of focus, or moved while the shutter was open."""
    if rng.random() < 0.5:
        radius = FOCUS[severity - 1] * _about_one(rng) * scale(pixels)
        soft = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))
        return np.array(soft), {"what": "focus", "radius": round(radius, 2)}
    length = MOTION[severity - 1] * _about_one(rng) * scale(pixels)
    angle = float(rng.uniform(0, math.pi))
    return _moved(pixels, length, angle), {"what": "motion", "length": round(length, 2), "angle": round(angle, 3)}


def noise(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """A sensor's noise; its grain grows with the picture, as that of ImageNet-C would if enlarged with it."""
    deviation = NOISE[severity - 1] * _about_one(rng)
    grainy = _grain(pixels, rng) * np.float32(255 * deviation) + pixels
    return np.clip(grainy, 0, 255).astype(np.uint8), {"deviation": round(deviation, 4)}


def low_light(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Too little light, and the noise that shows in the dark."""
    stops, deviation = DARKER[severity - 1] * _about_one(rng), DARK_NOISE[severity - 1]
    dark = _exposed(-stops)[pixels].astype(np.float32) + _grain(pixels, rng) * np.float32(255 * deviation)
    return np.clip(dark, 0, 255).astype(np.uint8), {"stops": round(-stops, 3), "deviation": deviation}


def over_exposure(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """Too much light: what was bright is white."""
    stops = BRIGHTER[severity - 1] * _about_one(rng)
    return _exposed(stops)[pixels], {"stops": round(stops, 3)}


def jpeg(pixels: Pixels, severity: int, rng: np.random.Generator) -> tuple[Pixels, Parameters]:
    """A picture sent small and strongly compressed, and enlarged again, so that its blocks grow with it."""
    quality = QUALITY[severity - 1]
    picture = Image.fromarray(pixels)
    factor = min(1.0, REFERENCE / min(picture.size))
    sent = picture.resize([max(1, round(side * factor)) for side in picture.size], Image.Resampling.BILINEAR,
                          reducing_gap=2.0)
    file = io.BytesIO()
    sent.save(file, "JPEG", quality=quality)
    received = Image.open(file).resize(picture.size, Image.Resampling.BILINEAR)
    return np.array(received), {"quality": quality, "factor": round(factor, 3)}


def _about_one(rng: np.random.Generator) -> float:
    return float(rng.uniform(1 - SPREAD, 1 + SPREAD))


def _exposed(stops: float) -> Pixels:
    """What becomes of each of the 256 values when the light changes by that many stops."""
    values = np.arange(256) / 255 * 2 ** (stops / GAMMA)
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _grain(pixels: Pixels, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Noise of deviation 1, shape of the picture, in grains of about a 224th of its shorter side."""
    height, width, _ = pixels.shape
    grain = max(1.0, scale(pixels))
    rows, columns = math.ceil(height / grain), math.ceil(width / grain)
    coarse = rng.standard_normal((rows, columns, 3), dtype=np.float32)
    if grain == 1.0:
        return coarse
    down = (np.arange(height) / grain).astype(np.intp)
    across = (np.arange(width) / grain).astype(np.intp)
    return coarse.take(down, 0).take(across, 1)


def _moved(pixels: Pixels, length: float, angle: float) -> Pixels:
    height, width, _ = pixels.shape
    margin = math.ceil(length / 2)
    wide = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    steps = max(2, min(STEPS, round(length)))
    total = np.zeros(pixels.shape, np.uint16)
    for way in np.linspace(-length / 2, length / 2, steps):
        y, x = margin + round(way * math.sin(angle)), margin + round(way * math.cos(angle))
        total += wide[y:y + height, x:x + width]
    return (total // steps).astype(np.uint8)
