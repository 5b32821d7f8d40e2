"""Rows that no model can answer, each made to be refused for one reason."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from PIL import Image

from cargostream.errors import RejectCode, UsageError
from producers.rows import ListedImage

FOLDER = "bad"
Spoiler = Callable[[ListedImage], ListedImage]

EXPECTED = {
    "missing": RejectCode.FILE_NOT_FOUND,
    "empty": RejectCode.EMPTY_FILE,
    "not_an_image": RejectCode.NOT_AN_IMAGE,
    "cut": RejectCode.CORRUPT_IMAGE,
    "outside": RejectCode.PATH_NOT_ALLOWED,
    "wrong_digest": RejectCode.CHECKSUM_MISMATCH,
    "huge": RejectCode.TOO_MANY_PIXELS,
}
"""Every kind of bad row, and the code that it must be answered with."""


def parse_mix(text: str) -> dict[str, float]:
    """The weights in a mix such as "good=95,missing=5"; "bad" stands for every bad kind in equal parts.

    Raises:
        UsageError: an unknown kind, or a weight that is no positive number.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        kind, _, share = part.strip().partition("=")
        try:
            weight = float(share or 1)
        except ValueError:
            weight = 0.0
        if not 0 < weight < float("inf"):
            raise UsageError(f"In the mix, {part.strip()!r} has no usable weight; write it like good=95,missing=5.")
        if kind == "bad":
            weights.update({each: weight / len(EXPECTED) for each in EXPECTED})
        elif kind == "good" or kind in EXPECTED:
            weights[kind] = weight
        else:
            raise UsageError(f"The mix names {kind!r}; there are good, bad, {', '.join(EXPECTED)}.")
    return weights


def spoilers(store: Path, kinds: set[str], sample: ListedImage) -> dict[str, Spoiler]:
    """A function for each of `kinds` that turns a listed image into a bad one; makes the files that these point to.

    `sample` is an image of the store; half of it is the cut image.
    """
    folder = store / FOLDER
    if kinds & set(_FILES):
        folder.mkdir(exist_ok=True)
    for kind in kinds & set(_FILES):
        name, write = _FILES[kind]
        if not (folder / name).exists():
            unfinished = folder / f".{name}"
            write(unfinished, store / sample.image_path)
            unfinished.replace(folder / name)
    return {kind: _SPOILERS[kind] for kind in kinds - {"good"}}


def _write_empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def _write_text(path: Path, _: Path) -> None:
    path.write_text("This is a letter, not a photo.\n" * 40, encoding="utf-8")


def _write_cut(path: Path, good: Path) -> None:
    data = good.read_bytes()
    path.write_bytes(data[:len(data) // 2])


def _write_huge(path: Path, _: Path) -> None:
    # One bit a pixel keeps both the file and the making of it small; a decoder would still take 400 MB for it.
    Image.new("1", (20_000, 20_000)).save(path, format="PNG")


def _at(path: str, image: ListedImage) -> ListedImage:
    return ListedImage(path, image.target)


def _missing(image: ListedImage) -> ListedImage:
    return ListedImage(f"{FOLDER}/missing-{Path(image.image_path).stem}.jpg", image.target)


def _wrong_digest(image: ListedImage) -> ListedImage:
    return ListedImage(image.image_path, image.target, sha256(image.image_path.encode()).hexdigest())


_FILES: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "empty": ("empty.jpg", _write_empty),
    "not_an_image": ("letter.jpg", _write_text),
    "cut": ("cut.jpg", _write_cut),
    "huge": ("huge.png", _write_huge),
}

_SPOILERS: dict[str, Spoiler] = {
    **{kind: partial(_at, f"{FOLDER}/{name}") for kind, (name, _) in _FILES.items()},
    "missing": _missing,
    "outside": partial(_at, "../outside.jpg"),
    "wrong_digest": _wrong_digest,
}
