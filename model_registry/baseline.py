"""What counting colours is worth: a random forest on colour histograms, the figure that a CNN has to beat."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 32


def histograms(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Per image and channel the share of pixels in each of 32 bins: float32 (n, 96) of uint8 (n, H, W, 3)."""
    n, height, width, channels = images.shape
    bins = images.reshape(n, -1, channels) // (256 // BINS) + np.arange(channels) * BINS
    counts = [np.bincount(image.ravel(), minlength=BINS * channels) for image in bins]
    return np.asarray(counts, np.float32) / np.float32(height * width)


def forest_accuracy(train: npt.NDArray[np.uint8], train_labels: npt.NDArray[np.int64],
                    test: npt.NDArray[np.uint8], test_labels: npt.NDArray[np.int64], seed: int = 0) -> float:
    """Share of `test` that a forest of 300 trees, grown on `train`, gets right."""
    from sklearn.ensemble import RandomForestClassifier

    make: Any = RandomForestClassifier  # scikit-learn has no types
    forest = make(300, random_state=seed, n_jobs=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, about how it calls its own threads
        forest.fit(histograms(train), train_labels)
        return float(forest.score(histograms(test), test_labels))
