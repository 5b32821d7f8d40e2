"""Whether a window of answers still looks like the days that its model knows: two-sample tests, and nothing else.

After "Failing Loudly" (Rabanser, Günnemann and Lipton, arXiv 1810.11953), where a classifier's own outputs, each held
against those on known data by a Kolmogorov-Smirnov test, corrected for the number of tests by Bonferroni, did best.
The confidence, the image statistics, the distance of the embedding and the row's strangeness, which sums up the ways
in which it is odd, are tested beside them.

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
from cargostream.strangeness import Ordinary, ordinary, strangeness

Table = npt.NDArray[np.float32]
"""One row an answer, one column a statistic, named by `names` but for the last, strangeness, which depends on the day
that it is held against. A column with a value that is no number is left out."""

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
class Day:
    """A known day: its columns, each sorted, (n, statistics), and what is ordinary on it."""

    columns: npt.NDArray[np.float64]
    ordinary: Ordinary | None


@dataclass(frozen=True, slots=True)
class Known:
    """A reference made ready: number of classes, names of its statistics, and its days."""

    classes: int
    names: tuple[str, ...]
    days: dict[str, Day]


def level(window: int, false_alarm_rows: int) -> float:
    """The level at which windows of so many rows trip falsely once in `false_alarm_rows` rows, or less often."""
    return min(1.0, window / false_alarm_rows)


def names(labels: Sequence[str]) -> tuple[str, ...]:
    """The statistics of an answer, by a model with these labels, in the order of a table's columns."""
    return (*(f"probability_{label}" for label in labels), "confidence", *STATISTICS, "embedding_distance",
            "strangeness")


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
    return Known(len(labels), names(labels), {name: _day(part) for name, part in days.items()})


def judge(window: Table, reference: Known, threshold: float) -> Verdict:
    """Hold a window against each known day and all of them together. What looks like one of them is no drift.

    `threshold` is the level of the whole judgement, see `level`.
    """
    measured = _rounded(window)
    verdicts = [_judge_day(measured, day, reference, threshold) for day in reference.days]
    return max(verdicts, key=lambda verdict: verdict.p_value)


def _judge_day(measured: npt.NDArray[np.float64], day: str, reference: Known, threshold: float) -> Verdict:
    rows = reference.days[day].columns
    window = _sorted(measured, reference.days[day].ordinary)
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


def _day(rows: Table) -> Day:
    known_rows = _rounded(rows)
    usual = ordinary(known_rows)
    return Day(_sorted(known_rows, usual), usual)


def _sorted(rows: npt.NDArray[np.float64], usual: Ordinary | None) -> npt.NDArray[np.float64]:
    return np.sort(np.column_stack([rows, strangeness(rows, usual)]), axis=0)


def _rounded(rows: Table) -> npt.NDArray[np.float64]:
    return rows.astype(np.float64).round(DECIMALS)
