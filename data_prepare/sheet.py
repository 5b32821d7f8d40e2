"""The contact sheet: one photo under every kind of damage at every severity, for people to look at."""

import hashlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_prepare.corrupt import KINDS, SEVERITIES
from data_prepare.fields import Pixels

CELL, GAP, MARGIN = 200, 6, 130
"""Sides of a picture, the space between two and the width of the kinds' names, in pixels."""


def contact_sheet(pixels: Pixels, seed: int) -> Image.Image:
    """A row for each kind: the photo as it is, then severities 1 to 5. The same seed, the same sheet."""
    step, head = CELL + GAP, 34
    sheet = Image.new("RGB", (MARGIN + step * (len(SEVERITIES) + 1), head + step * len(KINDS)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, title in enumerate(("clean", *(f"severity {each}" for each in SEVERITIES))):
        draw.text((MARGIN + step * column, 8), title, fill="black", font=font)
    for row, (kind, spoil) in enumerate(KINDS.items()):
        top = head + step * row
        draw.text((8, top + CELL // 2 - 8), kind, fill="black", font=font)
        pictures = [pixels, *(spoil(pixels, severity, _generator(seed, kind))[0] for severity in SEVERITIES)]
        for column, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS, reducing_gap=3.0)
            sheet.paste(small, (MARGIN + step * column, top))
    return sheet


def _generator(seed: int, kind: str) -> np.random.Generator:
    # The same for all severities of a kind, so that a row shows one thing growing.
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(kind.encode()).digest()[:8])])
