"""Photos that no two rows share, of all five classes, and files that must be refused."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from cargostream.labels import CARGO_LABELS
from data_prepare.photograph import photograph
from tests.support.images import BAD_IMAGES

DRAWN, CUT = 30, 240
"""Photos that are drawn, and parts that are cut from them; a part is made unique by a comment in its bytes. So a
million images cost little, and two rows that swap their answers are found out: by the digest, and nearly always by the
confidence too."""


ASKED = 20_000
"""Images that one process is asked about: of a slow machine's, too, it says all in time."""


class Picture(NamedTuple):
    """An image in the store: its path there and the digest of its bytes."""

    path: str
    sha256: str


class Album:
    """Images that are made from a seed when they are asked for, each with bytes of its own, in `faults/<seed>`."""

    def __init__(self, store: Path, seed: int) -> None:
        self.store, self.seed = store, seed
        self._made: dict[int, Picture] = {}
        self._answers: dict[tuple[str, str], tuple[str, float]] = {}

    def take(self, first: int, count: int) -> list[Picture]:
        """Images number `first` to `first + count - 1`."""
        return [self._picture(number) for number in range(first, first + count)]

    def _picture(self, number: int) -> Picture:
        if number not in self._made:
            comment = f"{self.seed}/{number}".encode()
            # A comment segment behind the two bytes that every JPEG starts with.
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            content = _part(self.seed, number % CUT)
            self._made[number] = self.put(f"{self.seed}/{number}.jpg", content[:2] + segment + content[2:])
        return self._made[number]

    def put(self, name: str, content: bytes) -> Picture:
        """Put an image of the case's own into the store, as `faults/<name>`."""
        file = self.store / "faults" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return Picture(f"faults/{name}", hashlib.sha256(content).hexdigest())

    def answers(self, pictures: Iterable[Picture], artifact: Path) -> dict[str, tuple[str, float]]:
        """By digest, what the model in `artifact` says of the images, in a process apart."""
        pictures = list(pictures)
        new = list({one.sha256: str(self.store / one.path) for one in pictures
                    if (str(artifact), one.sha256) not in self._answers}.items())
        for start in range(0, len(new), ASKED):
            question = {"artifact": str(artifact), "images": dict(new[start:start + ASKED])}
            done = subprocess.run([sys.executable, "-m", "tests.faults.oracle"], input=json.dumps(question), text=True,
                                  capture_output=True, timeout=600, check=False)
            assert done.returncode == 0, f"the oracle failed: {done.stderr[-2000:]}"
            for key, (label, confidence) in json.loads(done.stdout).items():
                self._answers[str(artifact), key] = (label, confidence)
        return {one.sha256: self._answers[str(artifact), one.sha256] for one in pictures}


@cache
def _part(seed: int, number: int) -> bytes:
    rng = np.random.default_rng([seed, number])
    with Image.open(io.BytesIO(_photo(seed, number % DRAWN))) as image:
        width, height = image.size
        left, top = int(rng.integers(0, width // 4)), int(rng.integers(0, height // 4))
        part = image.crop((left, top, left + width * 3 // 4, top + height * 3 // 4))
        part = ImageOps.mirror(part) if rng.random() < 0.5 else part
        file = io.BytesIO()
        part.save(file, "JPEG", quality=80)
    return file.getvalue()


@cache
def _photo(seed: int, number: int) -> bytes:
    label = CARGO_LABELS[number % len(CARGO_LABELS)]
    return photograph(label, np.random.default_rng([seed, 97, number]))


def bad_files(store: Path) -> dict[str, str]:
    """Paths of files that must be refused, each with its code; the files are made if they are not there."""
    folder = store / "faults" / "bad"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (make, _) in BAD_IMAGES.items():
        if not os.path.lexists(folder / name):
            make(folder / name)
    return {f"faults/bad/{name}": code for name, (_, code) in BAD_IMAGES.items()} | {
        "faults/none.jpg": "file_not_found", "../../etc/passwd": "path_not_allowed",
        "/etc/passwd": "path_not_allowed", "s3://bucket/x.jpg": "path_not_allowed"}
