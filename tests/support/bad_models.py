"""Versions of a model in a registry that must not serve."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cargostream.labels import CARGO_LABELS
from tests.support.days import answers, artifact_that_knows, reference
from tests.support.following import artifact
from tests.support.registry import Registry


def pickled(registry: Registry, name: str, folder: Path) -> int:
    """A version of a flavour that runs code when it is loaded."""
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n")
    return registry.add(name, folder, None)


def lying(registry: Registry, name: str, folder: Path) -> int:
    """A version whose tag names another digest than its own."""
    version = artifact(registry, name, folder, shift=4)
    registry.tag(name, version, "0" * 64)
    return version


def unlike(registry: Registry, name: str, folder: Path) -> int:
    """A version whose reference is about embeddings of another length than the model's."""
    known = reference({"monday": answers(np.random.default_rng(0), 20)})
    digest = artifact_that_knows(folder, dataclasses.replace(known, centroids=np.ones((5, 9), np.float32)))
    return registry.add(name, folder, digest)


BAD_MODELS: dict[str, Callable[[Registry, str, Path], int]] = {
    "answers otherwise": lambda *at: artifact(*at, golden_off=0.1),
    "model.onnx is not the file": lambda *at: artifact(*at, shift=2, cut="model.onnx"),
    "golden.npz is not the file": lambda *at: artifact(*at, shift=3, cut="golden.npz"),
    "unusable manifest.json": lambda *at: artifact(*at, cut="manifest.json", tagged=False),
    "tensor(float)": lambda *at: artifact(*at, of_floats=True),
    "of 64x64x3": lambda *at: artifact(*at, claimed_size=64),
    "logits for 5 classes": lambda *at: artifact(*at, labels=(*CARGO_LABELS, "gravel"), claimed_labels=CARGO_LABELS),
    "'gravel'], not": lambda *at: artifact(*at, labels=(*CARGO_LABELS, "gravel")),
    "['wood'": lambda *at: artifact(*at, labels=tuple(reversed(CARGO_LABELS))),
    "manifest.json: No such file": pickled,
    "register it again": lying,
    "fails on golden image 0": unlike,
}
"""Versions that must not serve, by words of the reason that is told. (The cut ones are not in the cache, where what has
the right digest is whole.)"""
