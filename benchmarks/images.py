"""The images that the bulk runs use: 512² JPEGs, the size that the reference model's figures are stated for."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True)
class BenchImage:
    """One image of the store: path in the store, SHA-256 of its bytes, true class id."""

    path: str
    sha256: str
    target: int


def make_images(store: Path, source_set: str, count: int, side: int = 512) -> list[BenchImage]:
    """Enlarge the first `count` images of a set to side² JPEGs under `bench/` in the store; files that exist stay."""
    listed = [json.loads(line) for line in (store / f"{source_set}.jsonl").read_text("utf-8").splitlines()[:count]]
    (store / "bench").mkdir(exist_ok=True)
    made = []
    for number, entry in enumerate(listed):
        path = f"bench/{number:05d}_{side}.jpg"
        file = store / path
        if not file.exists():
            with Image.open(store / entry["image_path"]) as image:
                buffer = io.BytesIO()
                image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
            file.write_bytes(buffer.getvalue())
        made.append(BenchImage(path, hashlib.sha256(file.read_bytes()).hexdigest(), entry["target"]))
    return made
