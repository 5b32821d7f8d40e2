"""How good a served model is on a set of images."""

import numpy as np
import numpy.typing as npt

from cargostream.served import ServedModel


def evaluate(model: ServedModel, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The share that the model gets right, as `accuracy`, and of each class that is there, as `recall <class>`.

    Images are uint8 (n, size, size, 3) at the model's input size, labels class ids (n,).
    """
    right = np.array([model.predict(image).probabilities.argmax() for image in images]) == labels
    figures = {"accuracy": float(right.mean())}
    for target in np.unique(labels):
        figures[f"recall {model.labels[target]}"] = float(right[labels == target].mean())
    return {name: round(figure, 4) for name, figure in figures.items()}
