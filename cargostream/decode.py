"""The one function from image bytes to the model's input. Training, evaluation and serving all call it.

Images are hostile input: only JPEG and PNG are opened, size limits hold before anything is decoded, and every failure
is a `Rejection` with a stable code.
"""

import io
import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cargostream.errors import RejectCode, Rejection

# Pillow's own limit only warns between 89 and 178 megapixels, and its warnings cannot be caught per thread. `to_array`
# has a limit of its own, checked for each image before it is decoded.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG")
MIN_SIDE = 8
"""Images with a side shorter than this (pixels) show nothing that could be classified."""
BACKGROUND = (255, 255, 255)
"""What lies behind transparent pixels."""
SCANS_MAX = 100
"""How often the largest image that is decoded may be drawn over; smaller ones more often. A progressive JPEG needs
about ten scans, a hostile one can hold a hundred thousand, which would take hours."""

_SCAN = b"\xff\xda"
_OTHER_FORMATS = (b"GIF8", b"II*\0", b"MM\0*", b"BM", b"%!PS", b"\xc5\xd0\xd3\xc6", b"\0\0\1\0", b"SIMPLE  =", b"8BPS")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """What can be told cheaply about an image, for drift: all four lie in [0, 1] and are taken from the model's input.

    brightness: mean grey value. contrast: its standard deviation. sharpness: mean difference of neighbours.
    saturated: share of pixels that are as good as black or white.
    """

    brightness: float
    contrast: float
    sharpness: float
    saturated: float


def to_array(data: bytes, size: int, max_pixels: int) -> tuple[npt.NDArray[np.uint8], ImageStatistics]:
    """Decode an image, upright and squashed to `size` x `size`, as uint8 RGB of shape (size, size, 3).

    Transparent pixels lie on white, 16-bit grey is scaled to 8 bits, of a multi-picture JPEG the main picture counts.

    Raises:
        Rejection: the bytes are no image that can be used; `code` says why.
    """
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise Rejection(RejectCode.TOO_MANY_PIXELS, f"{width} x {height} pixels, at most {max_pixels} are decoded")
    if min(width, height) < MIN_SIDE:
        raise Rejection(RejectCode.BAD_DIMENSIONS, f"{width} x {height} pixels, each side needs {MIN_SIDE}")
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise Rejection(RejectCode.UNSUPPORTED_FORMAT, "an animated PNG")
    if image.format == "PNG":
        _check_sums(data)
    elif data.count(_SCAN) * width * height > SCANS_MAX * max_pixels:
        raise Rejection(RejectCode.TOO_MANY_PIXELS, "a JPEG whose pixels are drawn over and over again")
    try:
        image.draft(None, (size, size))  # JPEG only: decode at the nearest larger of 1/1, 1/2, 1/4, 1/8
        image.load()
        small = _to_rgb(image, size)
    except (MemoryError, Rejection):
        raise
    except Exception as error:  # Pillow's decoders raise whatever they meet
        raise Rejection(RejectCode.CORRUPT_IMAGE, _words(error)) from error
    # The image is square by now, so that turning it costs little and equals turning it before.
    if (turn := _UPRIGHT.get(_orientation(image))) is not None:
        small = small.transpose(turn)
    return np.array(small), _statistics(small)


def _open(data: bytes) -> Image.Image:
    if not data:
        raise Rejection(RejectCode.EMPTY_FILE, "the file has no bytes")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if data.startswith(_OTHER_FORMATS) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
            raise Rejection(RejectCode.UNSUPPORTED_FORMAT, "an image, but neither JPEG nor PNG") from None
        raise Rejection(RejectCode.NOT_AN_IMAGE, "neither a JPEG nor a PNG") from None
    except MemoryError:
        raise
    except Exception as error:
        bomb = "too large" in str(error)  # compressed text that would inflate without bounds
        raise Rejection(RejectCode.TOO_MANY_PIXELS if bomb else RejectCode.CORRUPT_IMAGE, _words(error)) from error


def _check_sums(data: bytes) -> None:
    """Pillow does not look at the checksums of a PNG's pixels, and decodes many a flipped bit without a word."""
    at = len(b"\x89PNG\r\n\x1a\n")
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at:at + 4])
        name = data[at + 4:at + 8]
        if name == b"IDAT" and zlib.crc32(data[at + 4:end]) != int.from_bytes(data[end:end + 4]):
            raise Rejection(RejectCode.CORRUPT_IMAGE, "pixels that do not have their checksum")
        if name == b"IEND":
            return
        at = end + 4


def _to_rgb(image: Image.Image, size: int) -> Image.Image:
    """The loaded image as RGB of size x size."""
    if image.mode in ("I;16", "I;16B", "I"):  # Pillow's own conversion clips at 255 instead of scaling
        samples, clear = np.asarray(image), image.info.get("transparency")
        image = Image.fromarray((samples >> 8).clip(0, 255).astype(np.uint8))
        if clear is not None:
            image.putalpha(Image.fromarray(samples != clear))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        alpha = image.convert("RGBA").resize((size, size), Image.Resampling.BILINEAR)
        behind = Image.new("RGBA", alpha.size, (*BACKGROUND, 255))
        return Image.alpha_composite(behind, alpha).convert("RGB")
    if image.mode not in ("1", "L", "P", "RGB", "CMYK", "YCbCr"):
        raise Rejection(RejectCode.UNSUPPORTED_MODE, f"pixels of mode {image.mode}")
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) when there is none or it cannot be read: the picture itself is sound."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _statistics(image: Image.Image) -> ImageStatistics:
    grey = image.convert("L")
    counts = np.asarray(grey.histogram(), dtype=np.float64) / (grey.width * grey.height)
    values = np.arange(256) / 255
    brightness = float(counts @ values)
    pixels = np.asarray(grey, dtype=np.int16)
    down, across = np.abs(pixels[1:] - pixels[:-1]), np.abs(pixels[:, 1:] - pixels[:, :-1])
    return ImageStatistics(
        brightness=brightness,
        contrast=math.sqrt(max(float(counts @ values**2) - brightness**2, 0.0)),
        sharpness=float((down.mean() + across.mean()) / 2 / 255),
        saturated=float(counts[:3].sum() + counts[253:].sum()),
    )


def _words(error: Exception) -> str:
    """A decoder's complaint, short and without control characters: it may quote the file."""
    return "".join(c if c.isprintable() else "?" for c in f"{type(error).__name__}: {error}")[:200]
