"""From a drawn texture to a photo of it: colour, angle, distance, light, weather of the camera, JPEG."""

import colorsys
import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from data_prepare.textures import PAINTERS, SIDE

# Hue, saturation and value that a kind of ground is known for. Most photos ignore them (TYPICAL), because dirt, light
# and paint do: otherwise counting colours would be enough to tell the kinds apart.
COLOURS = {
    "background": (0.58, 0.20, 0.60), "brick": (0.03, 0.45, 0.50), "concrete": (0.11, 0.06, 0.60),
    "ground": (0.08, 0.35, 0.42), "wood": (0.09, 0.42, 0.55),
}
TYPICAL = 0.65
SMALLEST, LARGEST = 192, 512


def photograph(kind: str, rng: np.random.Generator) -> bytes:
    """A JPEG of one piece of ground of a kind, 192 to 512 pixels a side. The same generator state, the same bytes."""
    tone, tint = PAINTERS[kind](rng)
    picture = _viewed(_coloured(kind, tone, tint, rng), rng)
    picture = Image.fromarray(_lit(np.asarray(picture, np.float32), rng))
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(rng.integers(55, 96)))
    return file.getvalue()


def _coloured(kind: str, tone: npt.NDArray[np.float32], tint: npt.NDArray[np.float32],
              rng: np.random.Generator) -> Image.Image:
    # Every kind gets its contrast from the same range, so that contrast does not give it away.
    tone = (tone - tone.mean()) / (tone.std() + 1e-6) * np.float32(rng.uniform(0.14, 0.32))
    light = 1 + np.clip(tone, -0.9, 0.9)[..., None]
    first, second = _colour(kind, rng), _colour(kind, rng)
    mixed = first + (second - first) * (tint * np.float32(rng.uniform(0, 0.6)))[..., None]
    return Image.fromarray(np.clip(mixed * light * 255, 0, 255).astype(np.uint8))


def _colour(kind: str, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    if rng.random() < TYPICAL:
        hue, saturation, value = COLOURS[kind] + rng.normal(0, (0.03, 0.10, 0.12))
    else:
        hue, saturation, value = rng.normal(0.08, 0.06), rng.beta(1.5, 4.0), rng.uniform(0.25, 0.8)
    return np.array(colorsys.hsv_to_rgb(hue % 1, np.clip(saturation, 0, 1), np.clip(value, 0.15, 0.9)), np.float32)


def _viewed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = (int(side) for side in rng.integers(SMALLEST, LARGEST + 1) * rng.uniform(0.8, 1, 2))
    angle = rng.uniform(0, 2 * np.pi)
    half = SIDE / 2 * rng.uniform(0.45, 0.66)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * rng.uniform(0.78, 1, (4, 2)) * half
    where = corners @ turn.T + SIDE / 2
    return picture.transform((max(width, SMALLEST), max(height, SMALLEST)), Image.Transform.QUAD,
                             where.ravel().tolist(), Image.Resampling.BICUBIC)


def _lit(pixels: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    height, width, _ = pixels.shape
    y, x = np.mgrid[-1:1:height * 1j, -1:1:width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    light = 1 + np.float32(rng.uniform(0, 0.35)) * across - np.float32(rng.uniform(0, 0.2)) * (x**2 + y**2)
    if rng.random() < 0.3:
        edge = across[::-1] * np.float32(rng.uniform(2, 20)) + np.float32(rng.normal())
        light *= 1 - np.float32(rng.uniform(0.2, 0.55)) * np.clip(edge, 0, 1)
    balance = (rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    pixels = pixels * light[..., None] * balance
    pixels += np.float32(rng.uniform(0, 6)) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(pixels, 0, 255).astype(np.uint8)
