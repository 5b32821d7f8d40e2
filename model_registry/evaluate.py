"""How good and how quick served models are on a set of images."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cargostream.served import ServedModel
from model_registry.measures import Figures, Probabilities, figures

Images = npt.NDArray[np.uint8]
"""Images at a model's input size, (n, size, size, 3)."""


class Answers(NamedTuple):
    """A model's answers to a set, and the seconds that each took, float64 (n,)."""

    probabilities: Probabilities
    seconds: npt.NDArray[np.float64]


def predict_interleaved(models: Sequence[ServedModel], images: Sequence[Images],
                        progress: Callable[[int], None] = lambda done: None) -> list[Answers]:
    """The answers of each model to the same set, `images` at the size of each. An image is answered by all models
    before the next one is, so that whatever else the machine does slows them alike.

    `progress` is called with the number of images done.

    Raises:
        Rejection: a model fails on an image.
    """
    n = len(images[0])
    answers = [Answers(np.empty((n, len(model.labels)), np.float32), np.empty(n)) for model in models]
    turns = list(zip(models, images, answers, strict=True))
    for number in range(n):
        for model, at_size, answer in turns:
            started = perf_counter()
            answer.probabilities[number] = model.predict(at_size[number]).probabilities
            answer.seconds[number] = perf_counter() - started
        turns.reverse()  # the second finds a warmer processor than the first: they take turns
        progress(number + 1)
    return answers


def figures_on(model: ServedModel, images: Images, truth: npt.NDArray[np.int64]) -> Figures:
    """The model's figures on images and their true class ids, int64 (n,). Raises as `predict_interleaved`."""
    return figures(predict_interleaved([model], [images])[0].probabilities, truth, model.labels)


def named(found: Figures) -> dict[str, float]:
    """Figures by name, for manifests, metrics and tags: `accuracy`, `recall <class>`, each also with ` low` and ` high`
    behind it for its interval, `ece` and `images`."""
    shares = {"accuracy": (found.accuracy, found.low, found.high)} | {
        f"recall {label}": share for label, share in found.recall.items()}
    return {f"{name}{bound}": round(value, 4) for name, share in shares.items()
            for bound, value in zip(("", " low", " high"), share, strict=True)} | {
                "ece": round(found.ece, 4), "images": found.n}
