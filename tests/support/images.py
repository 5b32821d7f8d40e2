"""Image files that must be refused, each with the code it must be refused with."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def noise(form: str) -> bytes:
    """An image that does not compress: cutting or flipping some bytes of it damages pixels."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)).save(file, form)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(samples: np.ndarray, depth: int, colour_type: int, *more: bytes) -> bytes:
    """A PNG written by hand: samples of shape (height, width) or (height, width, channels), and more chunks."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", pixels)
            + chunk(b"IEND", b""))


def huge_png(width: int, height: int) -> bytes:
    """A valid black-and-white PNG of a few kilobytes."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif() -> bytes:
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "GIF")
    return file.getvalue()


def line() -> bytes:
    file = io.BytesIO()
    Image.new("L", (1, 20_000)).save(file, "PNG")
    return file.getvalue()


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)


def content(make: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(make())


BAD_IMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.jpg": (content(lambda: b""), "empty_file"),
    "text.jpg": (content(lambda: b"<html>"), "not_an_image"),
    "gif.jpg": (content(gif), "unsupported_format"),
    "eps.jpg": (content(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n"), "unsupported_format"),
    "cut.jpg": (content(lambda: noise("JPEG")[:-900]), "corrupt_image"),
    "cut.png": (content(lambda: noise("PNG")[:-900]), "corrupt_image"),
    "huge.png": (content(lambda: huge_png(9000, 9000)), "too_many_pixels"),
    "line.png": (content(line), "bad_dimensions"),
    "large.png": (sparse, "file_too_large"),
    "folder.png": (Path.mkdir, "not_a_file"),
    "fifo.png": (os.mkfifo, "not_a_file"),
    "out.png": (lambda path: path.symlink_to("/etc/passwd"), "path_not_allowed"),
}
