"""Answers on days that differ, and a model's artifact that knows some of them, for tests of drift."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from cargostream.cache import Cache, Pointer
from cargostream.labels import CARGO_LABELS
from cargostream.records import MODEL_NAME
from cargostream.reference import REFERENCE, STATISTICS, Reference, write_reference
from cargostream.served import MANIFEST, artifact_digest, read_manifest
from tests.support.artifacts import write_artifact

MEAN, DEVIATION = np.array([0.5, 0.2, 0.1, 0.01], np.float32), np.array([0.1, 0.05, 0.02, 0.005], np.float32)
FOG = np.array([2, -1.5, -1, 0, -1, -1, -1, 0], np.float32)
DARK = np.array([-3, 0, 0, 0, 0, 0, 0, 0], np.float32)
KINDS = {"fog": FOG, "dark": DARK}


def answers(rng: np.random.Generator, n: int, damage: np.ndarray | None = None) -> list[dict]:
    """What a model says of n images of a day, as columns of the history; with `damage`, spoiled in that way."""
    moved = np.zeros(8, np.float32) if damage is None else damage
    unsure = 0.0 if damage is None else 4.0
    probabilities = rng.dirichlet((12 - 2 * unsure, 0.2 + unsure, 0.2, 0.2, 0.2), n).astype(np.float32)
    statistics = np.clip(rng.normal(MEAN + moved[:4] * DEVIATION, DEVIATION * np.exp(moved[4:]), (n, 4)), 0, 1)
    turned = [np.roll(row, int(turn)) for row, turn in zip(probabilities, rng.integers(0, 5, n), strict=True)]
    return [{
        "probabilities": row.tolist(), "target": int(row.argmax()), "label": CARGO_LABELS[int(row.argmax())],
        "confidence": float(row.max()), "embedding_distance": float(rng.exponential(0.05 + unsure / 40)),
        **dict(zip(STATISTICS, map(float, values), strict=True))}
        for row, values in zip(turned, statistics, strict=True)]


def reference(days: dict[str, Sequence[dict]]) -> Reference:
    """A reference of these answers, which knows the kinds of damage above."""
    rows = [row for day in days.values() for row in day]
    return Reference(
        days=np.array(list(days)), day=np.repeat(np.arange(len(days)), [len(day) for day in days.values()]),
        probabilities=np.array([row["probabilities"] for row in rows], np.float32),
        statistics=np.array([[row[name] for name in STATISTICS] for row in rows], np.float32),
        embedding_distance=np.array([row["embedding_distance"] for row in rows], np.float32),
        centroids=np.ones((len(CARGO_LABELS), 3), np.float32), kinds=np.array(list(KINDS)),
        shifts=np.array(list(KINDS.values())))


def artifact_that_knows(folder: Path, known: Reference | None, **evaluation: float) -> str:
    """Write an artifact with this reference and these figures; its digest."""
    write_artifact(folder)
    manifest = read_manifest(folder)
    files = dict(manifest.files)
    if known is not None:
        (folder / REFERENCE).write_bytes(write_reference(known))
        files[REFERENCE] = hashlib.sha256((folder / REFERENCE).read_bytes()).hexdigest()
    manifest = msgspec.structs.replace(manifest, files=files, evaluation=evaluation, training={"made in": folder.name})
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return artifact_digest(folder)


def put_in_cache(home: Path, version: int, known: Reference | None, **evaluation: float) -> None:
    """An artifact with this reference in the cache of models, as the last champion."""
    folder = home / f"artifact-{version}"
    digest = artifact_that_knows(folder, known, **evaluation)
    cache = Cache(home / "models")
    cache.path(digest).parent.mkdir(exist_ok=True)
    folder.rename(cache.path(digest))
    cache.remember(Pointer(MODEL_NAME, version, digest))
