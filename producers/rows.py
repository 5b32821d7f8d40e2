"""What is to be written: image lists, and the seeded plan of rows drawn from them."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from cargostream.errors import UsageError


class ListedImage(msgspec.Struct, frozen=True):
    """One line of an image list: path inside the store, true class id, digest of the file's bytes."""

    image_path: str
    target: int | None = None
    sha256: str | None = None


class Row(msgspec.Struct, frozen=True):
    """One row to be written. `kind` is "good" or the name of a bad row; it is for the summary and is not stored."""

    ingest_key: str
    kind: str
    image_path: str
    target: int | None
    sha256: str | None


def read_list(path: Path) -> list[ListedImage]:
    """The images of a JSON Lines list.

    Raises:
        UsageError: there is no such file, it is empty, or a line has another shape.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"The image list {path} cannot be read ({error.strerror}); "
                         f"make it with `cargostream data synthesize {path.stem}`.") from error
    images = []
    for number, line in enumerate(lines, 1):
        try:
            images.append(msgspec.json.decode(line, type=ListedImage))
        except msgspec.MsgspecError as error:
            raise UsageError(f"Line {number} of the image list {path} cannot be used: {error}.") from error
    if not images:
        raise UsageError(f"The image list {path} is empty; make it again with `cargostream data synthesize`.")
    return images


def plan(run: str, images: list[ListedImage], seed: int, weights: dict[str, float],
         spoil: dict[str, Callable[[ListedImage], ListedImage]]) -> Iterator[Row]:
    """Rows without end, the same for the same seed. Every image comes once before any comes again.

    `weights` says how often each kind is drawn: "good", or a name in `spoil`, whose function turns an image into a
    bad one. Keys are `<run>:<n>`, so that a row that is written twice can be told.
    """
    chance = random.Random(seed)  # noqa: S311 - a sample that can be repeated, not a secret
    kinds, shares = list(weights), list(weights.values())
    number = 0
    while True:
        for image in chance.sample(images, len(images)):
            kind = chance.choices(kinds, shares)[0]
            chosen = image if kind == "good" else spoil[kind](image)
            yield Row(f"{run}:{number}", kind, chosen.image_path, chosen.target, chosen.sha256)
            number += 1
