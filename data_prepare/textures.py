"""Five kinds of ground, drawn: each painter gives the tone of a flat square of it, seen straight from above.

A painter takes a random generator and returns `tone`, float32 (SIDE, SIDE), dark to light in no particular unit, and
`tint`, float32 (SIDE, SIDE) in 0..1, where a second colour shows. Colour, light and angle come later and are alike for
all kinds, so that the pattern is what tells them apart.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

SIDE = 512
"""Side of the square that is drawn, in pixels."""

Field = npt.NDArray[np.float32]
Painter = Callable[[np.random.Generator], tuple[Field, Field]]


def background(rng: np.random.Generator) -> tuple[Field, Field]:
    """What is in view beside any ground: a few large things, out of focus."""
    tone, tint = Image.new("F", (SIDE, SIDE)), Image.new("F", (SIDE, SIDE))
    for _ in range(rng.integers(4, 14)):
        centre, half = rng.uniform(0, SIDE, 2), rng.uniform(20, 170, 2)
        corners = [tuple(centre + half * rng.uniform(0.6, 1.4, 2) * sign)
                   for sign in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        light, colour = rng.normal(), float(rng.random() < 0.4)
        for picture, value in ((tone, light), (tint, colour)):
            draw = ImageDraw.Draw(picture)
            if half[0] > 95:
                draw.ellipse((*(centre - half), *(centre + half)), fill=float(value))
            else:
                draw.polygon(corners, fill=float(value))
    radius = rng.uniform(3, 14)
    soft = _blurred(np.asarray(tone), radius) + np.float32(rng.uniform(0, 0.5)) * fractal(rng, 2, 3, 0.5)
    return soft + np.float32(rng.uniform(0, 0.12)) * grain(rng), _blurred(np.asarray(tint), radius)


def brick(rng: np.random.Generator) -> tuple[Field, Field]:
    """Courses of bricks or pavers with mortar between them, more or less worn."""
    height = rng.uniform(20, 62)
    length = height * rng.uniform(1.5, 3.2)
    mortar = height * rng.uniform(0.05, 0.13)
    y, x = _grid()
    rough = fractal(rng, 40, 2, 0.6) * np.float32(rng.uniform(0.2, 1.0))
    y, x = y + rough, x + rough[::-1]
    row = np.floor(y / height)
    x = x + (row % 2) * np.float32(length * rng.choice([0.5, 0.5, 0.33, 0.0]))
    column = np.floor(x / length)
    tones = rng.normal(size=(64, 64)).astype(np.float32)
    body = tones[row.astype(int) % 64, column.astype(int) % 64] * np.float32(rng.uniform(0.15, 0.5))
    edge = np.minimum(np.minimum(y % height, height - y % height), np.minimum(x % length, length - x % length))
    joint = np.clip(1.5 - edge / np.float32(mortar), 0, 1)
    joint *= 1 - np.float32(rng.uniform(0, 0.5)) * _patches(rng)
    body += np.float32(rng.uniform(0.1, 0.25)) * fractal(rng, 16, 4, 0.7)
    tone = body * (1 - joint) + joint * np.float32(rng.choice([-1.6, 1.3]) * rng.uniform(0.7, 1.3))
    return tone, joint * np.float32(rng.uniform(0, 1))


def concrete(rng: np.random.Generator) -> tuple[Field, Field]:
    """A cast surface: clouds, pores, stains, here and there a crack or the joint between two slabs."""
    tone = fractal(rng, int(rng.integers(2, 6)), 4, rng.uniform(0.4, 0.6))
    tone += np.float32(rng.uniform(0.1, 0.45)) * grain(rng)
    marks = Image.new("F", (SIDE, SIDE))
    draw = ImageDraw.Draw(marks)
    for x, y, radius in zip(*rng.uniform(0, SIDE, (2, int(rng.integers(0, 160)))), rng.uniform(0.5, 3, 160),
                            strict=False):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1.0)
    for _ in range(rng.integers(0, 4)):
        path = rng.uniform(0, SIDE, 2) + np.cumsum(rng.normal(rng.normal(0, 7, 2), 7, (60, 2)), axis=0)
        draw.line([tuple(point) for point in path], fill=1.0, width=int(rng.integers(1, 4)))
    if rng.random() < 0.4:
        width = int(rng.integers(2, 7))
        for position in np.arange(rng.uniform(0, 250), SIDE, rng.uniform(170, 420)):
            draw.line((position, 0, position, SIDE), fill=1.0, width=width)
            if rng.random() < 0.5:
                draw.line((0, position, SIDE, position), fill=1.0, width=width)
    depth = np.float32(rng.choice([-1, -1, -1, 0.6]) * rng.uniform(0.5, 2.2))
    return tone + depth * _blurred(np.asarray(marks), 0.7), np.float32(rng.uniform(0, 0.7)) * _patches(rng)


def ground(rng: np.random.Generator) -> tuple[Field, Field]:
    """Soil, sand or gravel: grains of many sizes, stones lit from one side, stalks."""
    tone = fractal(rng, int(rng.integers(8, 22)), 5, rng.uniform(0.65, 0.95))
    stones = Image.new("F", (SIDE, SIDE))
    draw = ImageDraw.Draw(stones)
    sun = rng.uniform(-0.4, 0.4, 2)
    largest = rng.uniform(4, 15)
    for x, y in rng.uniform(0, SIDE, (int(rng.integers(0, 420)), 2)):
        a, b = rng.uniform(0.25, 1, 2) * largest
        light = rng.normal(0.2, 0.8)
        draw.ellipse((x - a, y - b, x + a, y + b), fill=float(light - 1.2))
        x, y = x + sun[0] * a, y + sun[1] * b
        draw.ellipse((x - 0.8 * a, y - 0.8 * b, x + 0.8 * a, y + 0.8 * b), fill=float(light + 0.6))
    for x, y in rng.uniform(0, SIDE, (int(rng.integers(0, 60) * (rng.random() < 0.4)), 2)):
        dx, dy = rng.normal(0, 22, 2)
        draw.line((x, y, x + dx, y + dy), fill=float(rng.normal()), width=int(rng.integers(1, 3)))
    return tone + np.float32(rng.uniform(0.6, 2.0)) * _blurred(np.asarray(stones), 0.8), _patches(rng)


def wood(rng: np.random.Generator) -> tuple[Field, Field]:
    """Planks or one broad board: grain along them, rings, knots, gaps."""
    y, x = _grid()
    bend = fractal(rng, 3, 2, 0.4) * np.float32(rng.uniform(2, 16))
    for cx, cy, radius in rng.uniform((0, 0, 6), (SIDE, SIDE, 22), (int(rng.integers(0, 5)), 3)):
        bend += np.float32(rng.choice([-1, 1]) * 1.5 * radius) * np.exp(
            -((x - np.float32(cx)) / np.float32(2.5 * radius)) ** 2 - ((y - np.float32(cy)) / np.float32(radius)) ** 2)
    rings = np.sin((y + bend) * np.float32(2 * np.pi / rng.uniform(6, 30)))
    streaks = noise(rng, int(rng.integers(90, 260)), int(rng.integers(3, 9)))
    tone = np.float32(rng.uniform(0.1, 0.8)) * rings + np.float32(rng.uniform(0.5, 1.0)) * streaks
    tone += np.float32(rng.uniform(0, 0.3)) * grain(rng)
    if rng.random() < 0.8:
        width, gap = rng.uniform(38, 150), rng.uniform(1, 4.5)
        plank = np.floor(y / width).astype(int) % 16
        tone = np.take_along_axis(tone, (x.astype(int) + 97 * plank) % SIDE, axis=1)
        tone += rng.normal(0, 0.6, 16).astype(np.float32)[plank]
        tone -= np.float32(rng.uniform(1, 3)) * np.clip(1.5 - np.minimum(y % width, width - y % width) / gap, 0, 1)
    return tone.astype(np.float32), np.clip(streaks, 0, 1) * np.float32(rng.uniform(0, 0.8))


PAINTERS: dict[str, Painter] = {
    "background": background, "brick": brick, "concrete": concrete, "ground": ground, "wood": wood}


def noise(rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Smooth noise, about -1..1, of `rows` x `columns` cells."""
    cells = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)


def fractal(rng: np.random.Generator, cells: int, octaves: int, falloff: float) -> Field:
    """Noise on noise, of unit deviation: each octave has twice the cells and `falloff` times the strength."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        side = min(cells * 2**octave, SIDE)
        total += np.float32(falloff**octave) * noise(rng, side, side)
    return total / np.float32(total.std())


def grain(rng: np.random.Generator) -> Field:
    """Noise without any structure."""
    return rng.standard_normal((SIDE, SIDE), dtype=np.float32)


def _patches(rng: np.random.Generator) -> Field:
    return np.asarray(np.clip(fractal(rng, 3, 4, 0.6) + rng.uniform(-0.6, 0.6), 0, 1), np.float32)


def _grid() -> tuple[Field, Field]:
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return y, x


def _blurred(field: npt.NDArray[np.float32], radius: float) -> Field:
    # Pillow blurs bytes only, so the field is scaled into them; the steps are far below the noise added later.
    low, high = float(field.min()), float(field.max())
    scale = max(high - low, 1e-6) / 255
    picture = Image.fromarray(((field - low) / scale).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture, np.float32) * np.float32(scale) + np.float32(low)
