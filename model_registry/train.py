"""Train a model on image sets of a store, export it, and measure what was exported."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cargostream.errors import CargostreamError, UsageError
from cargostream.labels import CARGO_LABELS
from cargostream.served import open_model, read_manifest
from model_registry.baseline import forest_accuracy
from model_registry.evaluate import evaluate
from model_registry.export import export, write_manifest
from model_registry.fit import fit, held_out
from model_registry.load import load_set, set_digest
from model_registry.network import GroundNet

HELD_OUT = 0.1


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what comes out, apart from the images. `rate` is the peak of the learning rate's one cycle."""

    width: float = 0.5
    size: int = 128
    epochs: int = 18
    batch: int = 32
    rate: float = 3e-3
    seed: int = 2022


Report = Callable[[Mapping[str, float]], None]
"""Called after each epoch with its figures by name: epoch, loss, validation."""


def train_model(store: Path, sets: list[str], evaluation: str, recipe: Recipe, folder: Path, *, name: str,
                command: str, report: Report) -> dict[str, float]:
    """Train on the `sets` that lie in the store, write the artifact to `folder`, return its evaluation figures.

    `evaluation` names the set that the exported model is measured on; no image of it may be in `sets`. `command` is
    how to do it again, for the manifest. The same recipe on the same machine gives the same model; other processors
    round otherwise.

    Raises:
        UsageError: `folder` is there already.
        CargostreamError: a set cannot be used, or shares an image with the evaluation set.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already; name another folder with --out.")
    started = time.monotonic()
    lists = {part: store / f"{part}.jsonl" for part in [*sets, evaluation]}
    loaded = {part: load_set(store, listing, recipe.size) for part, listing in lists.items()}
    images, labels = (np.concatenate([loaded[part][column] for part in sets]) for column in (0, 1))
    measured, truth = loaded[evaluation]
    if shared := {image.tobytes() for image in images} & {image.tobytes() for image in measured}:
        raise CargostreamError(f"The sets {', '.join(sets)} share {len(shared)} images with {evaluation}: what is "
                               f"measured must not have been learnt.")
    held = held_out(labels, HELD_OUT, recipe.seed)
    network = _fitted(images, labels, held, recipe, report)
    minutes = round((time.monotonic() - started) / 60, 1)

    golden = np.stack([images[np.flatnonzero(held & (labels == target))[0]] for target in np.unique(labels)])
    export(network, folder, name=name, labels=CARGO_LABELS, golden=golden, training=_described(
        command, recipe, {part: set_digest(lists[part]) for part in lists}, minutes))
    figures = {f"{evaluation} {key}": value for key, value in evaluate(open_model(folder), measured, truth).items()}
    figures[f"{evaluation} colour forest accuracy"] = round(forest_accuracy(images, labels, measured, truth), 4)
    write_manifest(folder, msgspec.structs.replace(read_manifest(folder), evaluation=figures))
    return figures


def _fitted(images: Any, labels: Any, held: Any, recipe: Recipe, report: Report) -> GroundNet:
    def after(epoch: int, loss: float, validation: float) -> None:
        report({"epoch": epoch, "loss": round(loss, 4), "validation": round(validation, 4)})

    return fit(images, labels, held, classes=len(CARGO_LABELS), width=recipe.width, epochs=recipe.epochs,
               batch=recipe.batch, rate=recipe.rate, seed=recipe.seed, report=after)


def _described(command: str, recipe: Recipe, digests: dict[str, str], minutes: float) -> dict[str, Any]:
    return {
        "command": command, "architecture": "MobileNetV2", "minutes": minutes,
        **asdict(recipe),
        **{f"list {part}": digest for part, digest in digests.items()},
        **{package: version(package) for package in ("torch", "torchvision")},
    }
