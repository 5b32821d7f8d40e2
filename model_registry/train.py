"""Train a model on a lesson, export it, and measure what was exported."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cargostream.errors import UsageError
from cargostream.labels import CARGO_LABELS
from cargostream.served import softmax
from model_registry.baseline import forest_accuracy
from model_registry.calibrate import temperature
from model_registry.evaluate import figures_on, named
from model_registry.export import add_evaluation, new_folder, write_artifact
from model_registry.fit import Recipe, fit, run
from model_registry.known import Signatures, reference_of
from model_registry.lesson import Lesson
from model_registry.load import Images
from model_registry.measures import expected_calibration_error
from model_registry.network import GroundNet
from model_registry.pictures import draw_confusion, draw_curves


@dataclass(frozen=True, slots=True)
class Order:
    """What to make of a lesson: where to start, on which device, what to call it.

    `start` gives a fresh network the weights to start from, if any. `described` goes into the manifest as it is.
    """

    name: str
    recipe: Recipe
    device: torch.device
    start: Callable[[GroundNet], None] | None = None
    described: Mapping[str, Any] = field(default_factory=dict)


Report = Callable[[dict[str, float]], None]


def taught(lesson: Lesson, order: Order, report: Report) -> GroundNet:
    """A network that learnt the lesson. The same recipe and weights on the same machine give the same network; other
    processors round otherwise. `report` is called after each epoch, as `fit` does.

    Raises:
        CargostreamError: the weights cannot be had, or do not fit the recipe.
    """
    torch.manual_seed(order.recipe.seed)
    network = GroundNet(len(CARGO_LABELS), order.recipe.width)
    if order.start:
        order.start(network)
    return fit(network, lesson.train, lesson.clean, lesson.validation, order.recipe, order.device, report)


def calibrated(network: GroundNet, validation: Images) -> dict[str, float]:
    """Set the network's temperature; it, and the expected calibration error on the same images before and after."""
    logits, _ = run(network, validation.pixels)
    found = temperature(logits, validation.labels)
    network.temperature.fill_(found)
    before, after = (expected_calibration_error(softmax(logits / np.float32(each)), validation.labels)
                     for each in (1, found))
    return {"temperature": round(found, 4), "validation ece before": round(before, 4),
            "validation ece": round(after, 4)}


def train_model(lesson: Lesson, measured: Mapping[str, Images], order: Order, folder: Path, extras: Path, *,
                signatures: Signatures, report: Report) -> dict[str, float]:
    """Teach a network, write its artifact to `folder` and pictures and embeddings of the training images to `extras`;
    its figures on the sets `measured`, which are images by name. Both folders appear complete or not at all.

    Raises:
        UsageError: a folder is there already.
        CargostreamError: as `taught`.
    """
    must_be_new(folder, extras)
    started = time.monotonic()
    epochs: list[dict[str, float]] = []

    def after(figures: dict[str, float]) -> None:
        epochs.append(figures)
        report(figures)

    network = taught(lesson, order, after)
    calibration = calibrated(network, lesson.validation)
    minutes = round((time.monotonic() - started) / 60, 1)
    _, learnt = run(network, lesson.train.pixels)
    with new_folder(extras) as pictures, new_folder(folder) as artifact:
        model = write_artifact(
            network, artifact, name=order.name, labels=CARGO_LABELS, golden=_golden(lesson),
            training=_described(lesson, order) | calibration | {"minutes": minutes},
            reference=reference_of(network, lesson, learnt, signatures))
        figures: dict[str, float] = {}
        if lesson.test:
            figures["test accuracy"] = round(figures_on(model, lesson.test.pixels, lesson.test.labels).accuracy, 4)
        for name, images in measured.items():
            found = figures_on(model, images.pixels, images.labels)
            figures |= {f"{name} {key}": value for key, value in named(found).items()}
            draw_confusion(found, CARGO_LABELS, name, pictures / f"confusion-{name}.png")
            if order.start is None:
                figures[f"{name} colour forest accuracy"] = round(forest_accuracy(
                    lesson.train.pixels, lesson.train.labels, images.pixels, images.labels), 4)
        add_evaluation(artifact, figures)
        draw_curves(epochs, pictures / "curves.png")
        np.savez_compressed(pictures / "embeddings.npz", embedding=learnt.astype(np.float16),
                            label=lesson.train.labels, sha256=lesson.train.digests)
    return figures


def must_be_new(*folders: Path) -> None:
    """Raises UsageError if one of the folders is there already."""
    for each in folders:
        if each.exists():
            raise UsageError(f"{each} is there already; name another folder with --out.")


def _golden(lesson: Lesson) -> Any:
    """An image of each class, of those that validate if they have one."""
    images = lesson.validation + lesson.train
    return np.stack([images.pixels[np.flatnonzero(images.labels == label)[0]] for label in np.unique(images.labels)])


def _described(lesson: Lesson, order: Order) -> dict[str, Any]:
    digests = {part: hashlib.sha256("\n".join(sorted(images.digests)).encode()).hexdigest()
               for part, images in (("train", lesson.train), ("validation", lesson.validation))}
    return {
        **order.described, "architecture": "MobileNetV2", **asdict(order.recipe), "device": order.device.type,
        "images": len(lesson.train), "kept images": lesson.kept,
        **{f"digest {part}": digest for part, digest in digests.items()},
        **{package: version(package) for package in ("torch", "torchvision")},
    }
