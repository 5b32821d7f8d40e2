"""Files in the image store, by the case that they belong to: bytes that must be refused, with their code."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from data_prepare.photograph import photograph
from tests.support.images import chunk, huge_png

Refused = dict[str, tuple[bytes, str]]
"""By file name: the bytes, and the code that they must be refused with."""


def photo(seed: int = 0, kind: str = "wood") -> Image.Image:
    """A photo of ground, as pixels."""
    with Image.open(io.BytesIO(photograph(kind, np.random.default_rng(seed)))) as image:
        return image.convert("RGB")


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def with_chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk, right behind its header."""
    return png[:33] + chunk(name, body) + png[33:]


def empty() -> Refused:
    return {"zero.jpg": (b"", "empty_file"), "zero.png": (b"", "empty_file")}


def no_images() -> Refused:
    texts = {"text.jpg": b"a letter, not a photo\n" * 50, "page.png": b"<!DOCTYPE html><html><body>404</body></html>",
             "drawing.jpg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9'><script>alert(1)</script></svg>",
             "paper.jpg": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "program.jpg": b"\x7fELF\x02\x01\x01" + bytes(100),
             "archive.jpg": b"PK\x03\x04" + bytes(60), "magic.jpg": b"\xff\xd8\xff\xe0",
             "magic.png": b"\x89PNG\r\n\x1a\n",
             "zeros.jpg": bytes(5000), "pickle.jpg": b"cos\nsystem\n(S'touch /tmp/canary'\ntR."}
    return {name: (data, "not_an_image") for name, data in texts.items()}


def truncated() -> Refused:
    image = photo(3)
    whole = {"plain.jpg": encoded(image, "JPEG"), "stepwise.jpg": encoded(image, "JPEG", progressive=True),
             "whole.png": encoded(image, "PNG")}
    return {f"{percent}-{name}": (data[:len(data) * percent // 100], "corrupt_image")
            for name, data in whole.items() for percent in (10, 50, 90, 99)}


def flipped(seed: int, count: int) -> Refused:
    """PNGs with one bit of their pixels flipped."""
    data = encoded(photo(4), "PNG")
    first, last = data.index(b"IDAT") + 4, data.rindex(b"IEND") - 8
    found: Refused = {}
    for at, bit in zip(*np.random.default_rng(seed).integers((first, 0), (last, 8), (count, 2)).T, strict=True):
        found[f"bit-{at}-{bit}.png"] = (data[:at] + bytes([data[at] ^ 1 << int(bit)]) + data[at + 1:], "corrupt_image")
    return found


def flipped_jpegs(seed: int, count: int) -> list[tuple[bytes, bytes]]:
    """JPEGs with a bit of their pixels flipped that decode all the same; each with what it was before."""
    found = []
    rng = np.random.default_rng(seed)
    while len(found) < count:
        whole = encoded(photo(100 + len(found)), "JPEG", quality=90)
        start = whole.index(b"\xff\xda") + 20
        for at in rng.integers(start, len(whole) - 2, 200):
            data = whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1:]
            with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(whole)) as before:
                try:
                    same = np.asarray(image) == np.asarray(before)
                except OSError:
                    continue
            if not same.all():
                found.append((data, whole))
                break
    return found


def bombs() -> Refused:
    """A few kilobytes each, that would take hundreds of megabytes, or hours."""
    small = encoded(photo(5), "JPEG")
    png = encoded(photo(5).resize((64, 64)), "PNG")
    size = struct.pack(">HH", *photo(5).size[::-1])
    found = {f"{side * side // 10**6}-megapixels.png": huge_png(side, side) for side in (9000, 12_000, 20_000)}
    found["header.jpg"] = small.replace(size, struct.pack(">HH", 65_000, 65_000), 1)
    inflating = zlib.compress(bytes(100_000_000), 9)
    found["text.png"] = with_chunk(png, b"zTXt", b"x\0\0" + inflating)
    found["unicode.png"] = with_chunk(png, b"iTXt", b"x\0\1\0\0\0" + inflating)
    found["profile.png"] = with_chunk(png, b"iCCP", b"x\0\0" + inflating)
    found["scans.jpg"] = drawn_over(7000, 20_000)
    return {name: (data, "too_many_pixels") for name, data in found.items()}


def drawn_over(side: int, times: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    return whole[:-2] + whole[whole.rindex(b"\xff\xda"):-2] * times + whole[-2:]


def moving() -> Refused:
    """More than one picture in a file."""
    first, second = photo(6).resize((64, 64)), photo(7).resize((64, 64))
    return {f"moving.{form.lower()}": (encoded(first, form, save_all=True, append_images=[second]),
                                       "unsupported_format") for form in ("GIF", "PNG", "WEBP", "TIFF")}


def misnamed() -> Refused:
    """Images of other formats that say they are JPEGs, and programs that another viewer would run."""
    image = photo(8).resize((64, 64))
    found = {f"{form.lower()}.jpg": encoded(image, form) for form in ("GIF", "TIFF", "WEBP", "BMP", "ICO")}
    found["eps.jpg"] = (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
                        b"(/tmp/canary) (w) file closefile showpage\n%%EOF\n")
    found["eps.png"] = found["eps.jpg"]
    return {name: (data, "unsupported_format") for name, data in found.items()}


def odd_sizes() -> dict[str, tuple[bytes, str | None]]:
    """Sizes at the edges; without a code where the image is one."""
    sizes = {(1, 1): "bad_dimensions", (1, 20_000): "bad_dimensions", (65_535, 1): "bad_dimensions",
             (7, 200): "bad_dimensions", (8, 8): None, (8, 20_000): None, (20_000, 8): None, (65_535, 8): None}
    found: dict[str, tuple[bytes, str | None]] = {
        f"{width}x{height}.png": (encoded(Image.new("L", (width, height), 120), "PNG"), code)
        for (width, height), code in sizes.items()}
    png = encoded(Image.new("L", (9, 9)), "PNG")
    for name, (width, height) in {"0x9.png": (0, 9), "9x0.png": (9, 0)}.items():
        header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
        found[name] = (png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:], "not_an_image")
    return found
