"""Images that come in an unusual form, each beside a plain PNG of what it shows, whose pixels were made here: both
must get the same answer."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.faults.bad_images import encoded, photo
from tests.support.images import chunk, raw_png

Pixels = npt.NDArray[np.uint8]
Pairs = dict[str, tuple[bytes, bytes]]
"""By name: the file in its form, and the plain one."""


def plain(pixels: Pixels) -> bytes:
    return encoded(Image.fromarray(pixels), "PNG")


def modes(seed: int) -> Pairs:
    """Grey, black and white, four inks, luminance and colour difference, palettes."""
    image = photo(seed)
    grey = np.asarray(image.convert("L"))
    as_grey = plain(np.repeat(grey[..., None], 3, axis=2))
    dithered = np.asarray(image.convert("1"))
    inks = image.convert("CMYK")
    cyan, magenta, yellow, black = np.moveaxis(np.asarray(inks).astype(int), 2, 0)
    from_inks = np.stack([np.clip(255 - ink - black, 0, 255) for ink in (cyan, magenta, yellow)], axis=2)
    few = image.quantize(64)
    colours = np.asarray(few.getpalette()).reshape(-1, 3)[np.asarray(few)]
    return {
        "L.png": (encoded(Image.fromarray(grey), "PNG"), as_grey),
        "LA.png": (encoded(Image.merge("LA", [Image.fromarray(grey), Image.new("L", image.size, 255)]), "PNG"),
                   as_grey),
        "1.png": (encoded(image.convert("1"), "PNG"), plain(np.repeat(dithered[..., None] * np.uint8(255), 3, axis=2))),
        "P.png": (encoded(few, "PNG"), plain(colours.astype(np.uint8))),
        "RGBA.png": (encoded(image.convert("RGBA"), "PNG"), plain(np.asarray(image))),
        "L.jpg": (encoded(Image.fromarray(grey), "JPEG", quality=98), as_grey),
        "CMYK.jpg": (encoded(inks, "JPEG", quality=98), plain(from_inks.astype(np.uint8))),
        "YCbCr.jpg": (encoded(image.convert("YCbCr"), "JPEG", quality=98), plain(np.asarray(image))),
        "stepwise.jpg": (encoded(image, "JPEG", quality=98, progressive=True), plain(np.asarray(image))),
    }


def deep(seed: int) -> Pairs:
    """16 bits a sample: the upper 8 are what is seen, never the saturated rest."""
    pixels = np.asarray(photo(seed))
    grey = np.asarray(photo(seed).convert("L"))
    as_grey = plain(np.repeat(grey[..., None], 3, axis=2))
    solid = np.full(grey.shape, 255, np.uint8)
    return {
        "grey.png": (_deep(grey, 0), as_grey), "rgb.png": (_deep(pixels, 2), plain(pixels)),
        "grey-alpha.png": (_deep(np.dstack([grey, solid]), 4), as_grey),
        "rgb-alpha.png": (_deep(np.dstack([pixels, solid]), 6), plain(pixels)),
    }


def transparent(seed: int) -> Pairs:
    """What is clear lies on white, whatever colour hides there."""
    image = photo(seed)
    pixels = np.asarray(image)
    clear = np.zeros(pixels.shape[:2], bool)
    clear[:, :pixels.shape[1] // 2] = True
    seen = plain(np.where(clear[..., None], np.uint8(255), pixels))
    alpha = Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))
    grey = np.maximum(np.asarray(image.convert("L")), 1)
    grey_seen = plain(np.repeat(np.where(clear, 255, grey)[..., None], 3, axis=2).astype(np.uint8))
    few = image.quantize(64)
    named = np.where(clear, 64, np.asarray(few)).astype(np.uint8)
    palette = [*(few.getpalette() or [])[:192], 200, 0, 0]
    with_palette = Image.fromarray(named, "P")
    with_palette.putpalette(palette)
    few_seen = plain(np.where(clear[..., None], 255, np.reshape(palette, (-1, 3))[named]).astype(np.uint8))
    named_colour = np.where(clear[..., None], (1, 2, 3), np.maximum(pixels, 4)).astype(np.uint8)
    return {
        "alpha.png": (encoded(Image.merge("RGBA", [*image.split(), alpha]), "PNG"), seen),
        "grey-alpha.png": (encoded(Image.merge("LA", [Image.fromarray(grey), alpha]), "PNG"), grey_seen),
        "clear-grey.png": (encoded(Image.fromarray(np.where(clear, 0, grey).astype(np.uint8)), "PNG", transparency=0),
                           grey_seen),
        "clear-16-bit.png": (raw_png(np.where(clear, 0, grey).astype(np.uint16) * 257, 16, 0,
                                     chunk(b"tRNS", b"\0\0")), grey_seen),
        "clear-colour.png": (encoded(Image.fromarray(named_colour), "PNG", transparency=(1, 2, 3)),
                             plain(np.where(clear[..., None], 255, named_colour).astype(np.uint8))),
        "clear-palette.png": (encoded(with_palette, "PNG", transparency=64), few_seen),
    }


def turned(seed: int) -> Pairs:
    """A camera held in each of eight ways: the file's pixels are turned, and the tag says how to turn them back."""
    image = photo(seed)
    pixels, upright = np.asarray(image), plain(np.asarray(image))
    undone = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.swapaxes(0, 1),
              6: np.rot90(pixels), 7: np.rot90(pixels, 2).swapaxes(0, 1), 8: np.rot90(pixels, -1)}
    found = {}
    for orientation, stored in undone.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for form in ("png", "jpeg"):
            options: dict[str, object] = {"exif": exif} | ({"quality": 98} if form == "jpeg" else {})
            found[f"way-{orientation}.{form}"] = (
                encoded(Image.fromarray(np.ascontiguousarray(stored)), form.upper(), **options), upright)
    return found


def misnamed(seed: int) -> Pairs:
    """By content, not by name."""
    image = photo(seed)
    return {"png.jpg": (encoded(image, "PNG"), plain(np.asarray(image))),
            "jpeg.png": (encoded(image, "JPEG", quality=98), plain(np.asarray(image))),
            "no-name": (encoded(image, "PNG"), plain(np.asarray(image)))}


def _deep(pixels: Pixels, colour_type: int) -> bytes:
    # Noise in the lower bits: whoever mixed them in would see it.
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape).astype(np.uint16)
    return raw_png(pixels.astype(np.uint16) * 256 + noise, 16, colour_type)
