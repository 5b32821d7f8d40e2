"""Images and records with random bytes changed: number `n` of a kind and a seed is always the same."""

import zlib
from functools import cache

import numpy as np
from PIL import Image

from tests.faults.bad_images import encoded, photo
from tests.faults.same_images import deep
from tests.support.images import chunk
from tests.support.records import HARMLESS, INVALID, UNREADABLE, VALUE, Record, record

KINDS = ("jpeg", "png", "row")
_PNG = b"\x89PNG\r\n\x1a\n"


def mutated_image(kind: str, seed: int, number: int) -> bytes:
    """A JPEG or PNG with some of its bytes changed, cut out, doubled or moved. Every second PNG gets right checksums,
    or its damage would never come further than those."""
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    whole = _images(kind)
    data = mutated(whole[int(rng.integers(len(whole)))], rng)
    return with_checksums(data) if kind == "png" and number % 2 else data


def mutated_record(seed: int, number: int) -> Record:
    """A record with some bytes of its key or value changed; some have no key or no value."""
    rng = np.random.default_rng([seed, KINDS.index("row"), number])
    whole = _records()
    good, bad = whole
    some = good if number % 2 else bad
    key, value = some[int(rng.integers(len(some)))]
    which = rng.random()
    if key is not None and which < 0.1:
        key = mutated(key, rng, 1)
    if value is not None and which > 0.05:
        value = mutated(value, rng, 2, 3)
    return key, value


def mutated(data: bytes, rng: np.random.Generator, most: int = 10, long: int = 10) -> bytes:
    """One to `most` random changes, of about `long` bytes where several are changed."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, most + 1))):
        at = int(rng.integers(0, len(changed) + 1))
        length = int(min(rng.geometric(1 / long), 200))
        match int(rng.integers(0, 8)):
            case 0 | 1 | 2:
                changed[at:at + 1] = rng.bytes(1)
            case 3:
                changed[at:at + 1] = bytes([rng.choice([0, 1, 127, 128, 254, 255])])
            case 4:
                changed[at:at + length] = b""
            case 5:
                changed[at:at] = rng.bytes(length)
            case 6:
                changed[at:at] = changed[at:at + 10 * length]
            case _ if rng.random() < 0.1:
                del changed[at:]
    return bytes(changed)


def with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks, as far as they can be told apart, have the checksums that they should."""
    if not png.startswith(_PNG):
        return png
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at:at + 4])
        if end > len(png) - 4:
            break
        parts.append(png[at:end] + zlib.crc32(png[at + 4:end]).to_bytes(4))
        at = end + 4
    return b"".join(parts) + png[at:]


@cache
def _images(kind: str) -> tuple[bytes, ...]:
    image = photo(11).resize((96, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    if kind == "jpeg":
        return (encoded(image, "JPEG"), encoded(image, "JPEG", progressive=True), encoded(image, "JPEG", exif=exif),
                encoded(image.convert("CMYK"), "JPEG"), encoded(image.convert("L"), "JPEG", restart_marker_rows=1))
    plain = encoded(image, "PNG", exif=exif)
    text = chunk(b"zTXt", b"comment\0\0" + zlib.compress(b"words " * 50))
    return (plain, plain[:33] + text + plain[33:], encoded(image.quantize(32), "PNG", transparency=bytes(range(32))),
            encoded(image.convert("1"), "PNG"), encoded(image.convert("LA"), "PNG"),
            *(file for file, _ in deep(11).values()))


@cache
def _records() -> tuple[list[Record], list[Record]]:
    """Good ones and bad ones, to be damaged."""
    good: list[Record] = [record(op=op, __before_image_path=before) for op in "cud" for before in ("wood/1.png", None)]
    good += [(record()[0], change(VALUE)) for change in HARMLESS.values()]
    bad: list[Record] = [record(**columns) for columns in INVALID.values()]
    return good, bad + [(key, value) for key, value in UNREADABLE.values() if len(value or b"") < 5000]
