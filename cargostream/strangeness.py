"""How strange an answer is to one who knows a day: one number for rows that are odd in ways that differ.

A mixture of damages moves each image statistic up in some rows and down in others, and hides from tests that look at
one statistic at a time. So each row is asked how many of the known ones are at least as odd: in the distance of its
embedding, in its lack of confidence, and in the Mahalanobis distance of its image statistics from their mean. The
three shares are p-values (as in conformal prediction), and are added up as Fisher does it: -log p, summed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cargostream.reference import STATISTICS

Values = npt.NDArray[np.float64]

RIDGE = 1e-8
"""Added to variances: what never varies must not divide by nothing."""


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What is ordinary on a day. mean (4,) and precision (4, 4): of the image statistics. odd: the three oddities of
    its rows, each sorted, (3, n)."""

    mean: Values
    precision: Values
    odd: Values


def ordinary(rows: Values) -> Ordinary | None:
    """Of a day's rows, see `cargostream.drift.table`; None if there are too few, or values that are no numbers."""
    statistics = _statistics(rows)
    if len(rows) <= len(STATISTICS) or not np.isfinite(rows).all():
        return None
    covariance = np.cov(statistics, rowvar=False) + RIDGE * np.eye(len(STATISTICS))
    mean, precision = statistics.mean(axis=0), np.linalg.inv(covariance).astype(np.float64)
    return Ordinary(mean, precision, np.sort(_oddities(rows, mean, precision), axis=1))


def strangeness(rows: Values, known: Ordinary | None) -> Values:
    """Of each row, (n,): 3 on average on the day itself, more for what is odd to it. NaN where it cannot be told."""
    if known is None:
        return np.full(len(rows), np.nan)
    n = known.odd.shape[1]
    total = np.zeros(len(rows))
    for ordered, values in zip(known.odd, _oddities(rows, known.mean, known.precision), strict=True):
        total -= np.log((n - np.searchsorted(ordered, values) + 1) / (n + 1))
    total[~np.isfinite(rows).all(axis=1)] = np.nan
    return total


def _oddities(rows: Values, mean: Values, precision: Values) -> Values:
    away = _statistics(rows) - mean
    squares = np.einsum("ni,ij,nj->n", away, precision, away)
    return np.stack([rows[:, -1], -rows[:, -2 - len(STATISTICS)], squares])


def _statistics(rows: Values) -> Values:
    return rows[:, -1 - len(STATISTICS):-1]
