"""From an image file's bytes to those of the spoiled image, with a note of what was done."""

import hashlib
import io
from contextlib import suppress

import msgspec
import numpy as np
from PIL import Image, ImageOps

from cargostream.decode import BACKGROUND, FORMATS
from data_prepare.corrupt import corrupt
from data_prepare.fields import Parameters, Pixels

QUALITY = 90
"""Of JPEG files that are written; the damage is to come from the kinds, not from writing."""


class Damage(msgspec.Struct, frozen=True):
    """What was done to one image: a line of a manifest. The digests are SHA-256 in hex, before and after."""

    image_path: str
    kind: str
    severity: int
    parameters: Parameters
    source_sha256: str
    sha256: str


def spoil(data: bytes, path: str, name: str, severity: int, seed: int) -> tuple[bytes, Damage]:
    """The image's file spoiled, and the line for the manifest. JPEG stays JPEG, PNG stays PNG, grey stays grey.

    The random draws come from the seed and the file's digest: neither its path nor the order matters. The picture is
    upright afterwards, transparent parts lie on white as the model sees them, and samples have 8 bits.

    Raises:
        UsageError: there is no such kind or severity.
        OSError: the bytes are no whole JPEG or PNG (to_array of cargostream.decode says so in the project's words).
    """
    pixels, form, grey = read_pixels(data)
    digest = hashlib.sha256(data)
    rng = np.random.default_rng([seed, int.from_bytes(digest.digest()[:16])])
    spoiled, kind, parameters = corrupt(pixels, name, severity, rng)
    picture = Image.fromarray(spoiled)
    file = io.BytesIO()
    (picture.convert("L") if grey else picture).save(file, form, quality=QUALITY, compress_level=4)
    written = file.getvalue()
    return written, Damage(path, kind, severity, parameters, digest.hexdigest(), hashlib.sha256(written).hexdigest())


def read_pixels(data: bytes) -> tuple[Pixels, str, bool]:
    """The picture as people see it, RGB; its format; whether it is a grey one. Raises OSError as `spoil` does."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    form = "PNG" if image.format == "PNG" else "JPEG"
    image.load()
    with suppress(Exception):  # orientation that cannot be read does not make the picture unsound
        image = ImageOps.exif_transpose(image)
    grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion cuts off at 255
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, (*BACKGROUND, 255)), picture)
    return np.array(image.convert("RGB")), form, grey
