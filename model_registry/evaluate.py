"""How good a served model is on a set of images."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cargostream.served import ServedModel
from model_registry.measures import Figures, Probabilities, figures


def predict_all(model: ServedModel, images: npt.NDArray[np.uint8],
                progress: Callable[[int], None] = lambda done: None) -> Probabilities:
    """Probabilities float32 (n, classes) for images uint8 (n, size, size, 3) at the model's input size, one at a time
    as serving asks. `progress` is called with the number done.

    Raises:
        Rejection: the model fails on an image.
    """
    answers = np.empty((len(images), len(model.labels)), np.float32)
    for number, image in enumerate(images):
        answers[number] = model.predict(image).probabilities
        progress(number + 1)
    return answers


def figures_on(model: ServedModel, images: npt.NDArray[np.uint8], truth: npt.NDArray[np.int64]) -> Figures:
    """The model's figures on images as above and their true class ids, int64 (n,). Raises as `predict_all`."""
    return figures(predict_all(model, images), truth, model.labels)


def named(found: Figures) -> dict[str, float]:
    """Figures by name, for manifests, metrics and tags: `accuracy`, `recall <class>`, each also with ` low` and ` high`
    behind it for its interval, `ece` and `images`."""
    shares = {"accuracy": (found.accuracy, found.low, found.high)} | {
        f"recall {label}": share for label, share in found.recall.items()}
    return {f"{name}{bound}": round(value, 4) for name, share in shares.items()
            for bound, value in zip(("", " low", " high"), share, strict=True)} | {
                "ece": round(found.ece, 4), "images": found.n}


def evaluate(model: ServedModel, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """`figures_on` by name."""
    return named(figures_on(model, images, labels))
