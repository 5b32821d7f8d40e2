"""Whether a window of answers still looks like the days that its model knows: two-sample tests, and nothing else.

After "Failing Loudly" (Rabanser, Günnemann and Lipton, arXiv 1810.11953), where a classifier's own outputs, each held
against those on known data by a Kolmogorov-Smirnov test, corrected for the number of tests by Bonferroni, did best.
The confidence, the image statistics and the distance of the embedding are tested beside them.

Whoever tests window after window trips sooner or later: the level of one window follows from the number of rows in
which one false alarm may fall due, see `level`. That rate is a bound for rows that are independent draws from a known
day: Bonferroni's correction and the p-values (Kolmogorov's limit, which is too large for samples of this size) both
err on the safe side. It is one on average over references, which are samples too. In simulation, at one in 100,000
rows and windows of 50, references of 983 rows had one in 190,000 (the worst of 24: one in 100,000), references of 300
rows one in 155,000 (the worst: one in 45,000).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import kolmogorov

from cargostream.reference import STATISTICS, Reference

Table = npt.NDArray[np.float32]
"""One row an answer, one column a statistic, named by `names`. A column with a value that is no number is left out."""

DECIMALS = 4
"""Values are compared to so many: engines and processors differ in later ones, and ranks would make much of that."""

ALL_DAYS = "all days"


class Moved(msgspec.Struct, frozen=True):
    """One statistic of a window beside the reference: greatest distance of the two distribution functions, p-value of
    that (not corrected), both means, and whether this test alone trips."""

    statistic: str
    distance: float
    p_value: float
    mean: float
    reference_mean: float
    moved: bool


class Verdict(msgspec.Struct, frozen=True):
    """What the tests say of a window. `p_value` is corrected for the number of tests; `against` is the known day, or
    all of them together, that the window is least unlike, and the one that `statistics` are held against."""

    p_value: float
    threshold: float
    against: str
    statistics: tuple[Moved, ...]

    @property
    def drift(self) -> bool:
        return self.p_value < self.threshold


@dataclass(frozen=True, slots=True)
class Known:
    """A reference made ready: number of classes, names of its statistics, and its sorted columns by day."""

    classes: int
    names: tuple[str, ...]
    days: dict[str, npt.NDArray[np.float64]]


def level(window: int, false_alarm_rows: int) -> float:
    """The level at which windows of so many rows trip falsely once in `false_alarm_rows` rows, or less often."""
    return min(1.0, window / false_alarm_rows)


def names(labels: Sequence[str]) -> tuple[str, ...]:
    """The statistics of an answer, by a model with these labels, in the order of a table's columns."""
    return (*(f"probability_{label}" for label in labels), "confidence", *STATISTICS, "embedding_distance")


def table(probabilities: npt.NDArray[np.float32], statistics: npt.NDArray[np.float32],
          embedding_distance: npt.NDArray[np.float32]) -> Table:
    """A table of answers: probabilities (n, classes), image statistics (n, 4), embedding_distance (n,)."""
    return np.column_stack([probabilities, probabilities.max(axis=1), statistics, embedding_distance])


def known(reference: Reference, labels: Sequence[str]) -> Known:
    """The reference of a model with these labels, sorted once for many windows."""
    rows = table(reference.probabilities, reference.statistics, reference.embedding_distance)
    days = {str(name): rows[reference.day == number] for number, name in enumerate(reference.days)}
    days = {name: part for name, part in days.items() if len(part)}
    if len(days) > 1:
        days[ALL_DAYS] = rows
    return Known(len(labels), names(labels), {name: np.sort(_rounded(part), axis=0) for name, part in days.items()})


def judge(window: Table, reference: Known, threshold: float) -> Verdict:
    """Hold a window against each known day and all of them together. What looks like one of them is no drift.

    `threshold` is the level of the whole judgement, see `level`.
    """
    measured = np.sort(_rounded(window), axis=0)
    verdicts = [_judge_day(measured, day, reference, threshold) for day in reference.days]
    return max(verdicts, key=lambda verdict: verdict.p_value)


def _judge_day(window: npt.NDArray[np.float64], day: str, reference: Known, threshold: float) -> Verdict:
    rows = reference.days[day]
    usable = [column for column in range(window.shape[1])
              if np.isfinite(window[:, column]).all() and np.isfinite(rows[:, column]).all()]
    statistics = []
    for column in usable:
        distance = ks_distance(window[:, column], rows[:, column])
        p_value = ks_p_value(distance, len(window), len(rows))
        statistics.append(Moved(reference.names[column], distance, p_value, float(window[:, column].mean()),
                                float(rows[:, column].mean()), p_value * len(usable) < threshold))
    smallest = min((one.p_value for one in statistics), default=1.0)
    corrected = min(1.0, smallest * max(1, len(usable)))
    return Verdict(corrected, threshold, day, tuple(statistics))


def ks_distance(sample: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The greatest distance of two samples' distribution functions; both are sorted, ties are allowed."""
    values = np.concatenate([sample, other])
    below = np.searchsorted(sample, values, side="right") / len(sample)
    return float(np.abs(below - np.searchsorted(other, values, side="right") / len(other)).max())


def ks_p_value(distance: float, n: int, m: int) -> float:
    """The chance that two samples of one distribution, of n and m values, are so far apart; rather too large."""
    return float(kolmogorov(np.sqrt(n * m / (n + m)) * distance))


def _rounded(rows: Table) -> npt.NDArray[np.float64]:
    return rows.astype(np.float64).round(DECIMALS)
