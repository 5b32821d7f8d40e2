"""Pictures of a training for people: learning curves and confusion matrices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from model_registry.measures import Figures


def draw_curves(epochs: Sequence[Mapping[str, float]], file: Path) -> None:
    """A PNG of the losses and of the validation accuracy over the epochs, whose figures are as `fit` reports them."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    number = [each["epoch"] for each in epochs]
    for name in ("loss", "validation loss"):
        left.plot(number, [each[name] for each in epochs], label=name)
    left.legend()
    right.plot(number, [each["validation accuracy"] for each in epochs])
    right.set_title("validation accuracy")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=100)


def draw_confusion(found: Figures, labels: Sequence[str], title: str, file: Path) -> None:
    """A PNG of a confusion matrix: counts, coloured by their share of the true class."""
    matrix = np.array(found.confusion)
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        dark = count > matrix[row].sum() / 2
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=30)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.set_title(f"{title}: {found.accuracy:.1%} of {found.n}")
    figure.savefig(file, dpi=100)
