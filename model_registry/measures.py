"""How good answers are: pure functions of probabilities, float32 (n, classes), and true class ids, int64 (n,)."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Probabilities = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]
Right = npt.NDArray[np.bool_]

BINS = 15
"""Bins of the calibration error, as in Guo et al. (2017)."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of images says about a model. Every interval is one of 95 %, see `wilson`.

    `recall` has, for each class that occurs, (share found, low, high). `ece` is the expected calibration error.
    `confusion` counts images: rows are true classes, columns answers.
    """

    n: int
    accuracy: float
    low: float
    high: float
    recall: dict[str, tuple[float, float, float]]
    ece: float
    confusion: tuple[tuple[int, ...], ...]


def figures(probabilities: Probabilities, truth: Classes, labels: Sequence[str]) -> Figures:
    """All figures of one set; `labels` name the columns of `probabilities`. At least one image is needed."""
    matrix = confusion(probabilities, truth)
    right = int(matrix.trace())
    low, high = wilson(right, len(truth))
    found = {label: (int(row[target]), int(row.sum())) for target, (label, row) in enumerate(zip(labels, matrix,
                                                                                                  strict=True))}
    return Figures(
        n=len(truth), accuracy=right / len(truth), low=low, high=high,
        recall={label: (hits / of, *wilson(hits, of)) for label, (hits, of) in found.items() if of},
        ece=expected_calibration_error(probabilities, truth), confusion=tuple(tuple(row) for row in matrix.tolist()))


def right_answers(probabilities: Probabilities, truth: Classes) -> Right:
    """Which images are answered rightly, bool (n,)."""
    right: Right = probabilities.argmax(axis=1) == truth
    return right


def accuracy(probabilities: Probabilities, truth: Classes) -> float:
    """Share of right answers."""
    return float(right_answers(probabilities, truth).mean())


def wilson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval in which the true share lies if `right` of `n` were right; all of 0..1 if nothing was counted.

    The score interval of E. B. Wilson (JASA 22, 1927), which keeps its level near 0 and 1 and for small n, where the
    textbook's fails (Brown, Cai and DasGupta, Statistical Science 16, 2001).
    """
    if not n:
        return 0.0, 1.0
    interval = binomtest(right, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def confusion(probabilities: Probabilities, truth: Classes) -> Classes:
    """How many images of each class (row) got each answer (column), int64 (classes, classes)."""
    classes = probabilities.shape[1]
    pairs = truth * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def expected_calibration_error(probabilities: Probabilities, truth: Classes, bins: int = BINS) -> float:
    """How far, on average, the confidence of an answer is from the share of right ones among those as confident.

    Over equal bins of the largest probability: Guo et al., On Calibration of Modern Neural Networks, arXiv 1706.04599.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = right_answers(probabilities, truth) - confidence
    # As published, a bin holds its upper edge: (0, 1/15], (1/15, 2/15], …
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of, gaps, bins)).sum() / len(truth))


def mcnemar(right_a: Right, right_b: Right) -> float:
    """The chance of a difference as large as seen, or larger, if both models are equally good; both sides.

    Both answered the same images, so that only those count where one was right and the other wrong (Q. McNemar,
    Psychometrika 12, 1947); exact, as the binomial test of those.
    """
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
