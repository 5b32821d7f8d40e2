"""Whether a training set may be learnt from: sound, apart from what it is measured on, and like the reference."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.stats import chi2_contingency, ks_2samp

from cargostream.labels import CARGO_LABELS
from cargostream.reference import STATISTICS
from data_prepare.examine import Examined
from data_prepare.lists import Entry


class Limits(NamedTuple):
    """How far a set may be from the reference. A difference counts if it is larger than its limit and the p-value is
    smaller than `significance`: small sets differ by chance, and in large ones every trifle is significant.

    mix: total variation distance of the class shares, the share of images that are in another class. shift:
    Kolmogorov-Smirnov distance of an image statistic's distributions, 0 to 1.
    """

    mix: float = 0.20
    shift: float = 0.10
    significance: float = 0.001


class Difference(msgspec.Struct, frozen=True):
    """One thing held against the reference: how far it is (a distance from 0 to 1), how far it may be, whether chance
    would do that, and both values: mean of a statistic, or class shares."""

    what: str
    distance: float
    limit: float
    p_value: float
    value: float | list[float]
    reference: float | list[float]
    moved: bool


    def __str__(self) -> str:
        sign = ">" if self.distance > self.limit else "<="
        values = [" ".join(f"{part:.3f}" for part in (value if isinstance(value, list) else [value]))
                  for value in (self.value, self.reference)]
        return (f"{self.what}: {values[0]} against {values[1]}, distance {self.distance:.3f} {sign} {self.limit:.3f}, "
                f"p {self.p_value:.2g}")


def check(sets: Sequence[Examined], against: Sequence[tuple[str, Sequence[Entry]]], reference: Examined | None,
          limits: Limits) -> tuple[list[str], list[Difference]]:
    """What speaks against learning from these sets together, a sentence each, and how they differ from the reference.

    `against`: lists, by name, with which no image may be shared.
    """
    found = [f"{each.name}: {fault}" for each in sets for fault in each.faults]
    found += overlaps([(each.name, each.entries) for each in sets], against)
    moved = differences(sets, reference, limits) if reference else []
    found += [f"too far from {reference.name}: {each}" for each in moved if reference and each.moved]
    return found, moved


def overlaps(lists: Sequence[tuple[str, Sequence[Entry]]], against: Sequence[tuple[str, Sequence[Entry]]]) -> list[str]:
    """A sentence for each pair of lists that share images, by digest: among `lists`, and between them and `against`."""
    found = []
    for number, (name, entries) in enumerate(lists):
        for other, others in (*lists[number + 1:], *against):
            paths = {entry.sha256: entry.image_path for entry in others if entry.sha256 is not None}
            shared = [(entry.image_path, paths[entry.sha256]) for entry in entries if entry.sha256 in paths]
            if shared:
                found.append(f"{name} and {other} share {len(shared)} images, the first is {' = '.join(shared[0])}")
    return found


def differences(sets: Sequence[Examined], reference: Examined, limits: Limits) -> list[Difference]:
    """The sets, taken together, against the reference: the class mix, then each image statistic."""
    statistics = np.concatenate([each.statistics for each in sets])
    counts = sum((_counts(each.entries) for each in sets), np.zeros(len(CARGO_LABELS), np.int64))
    found = [_mix(counts, _counts(reference.entries), limits)]
    if len(statistics) and len(reference.statistics):
        found += [_shift(name, statistics[:, column], reference.statistics[:, column], limits)
                  for column, name in enumerate(STATISTICS)]
    return found


def _counts(entries: Sequence[Entry]) -> npt.NDArray[np.int64]:
    known = [entry.target for entry in entries if entry.target is not None and 0 <= entry.target < len(CARGO_LABELS)]
    return np.bincount(np.array(known, np.int64), minlength=len(CARGO_LABELS))


def _mix(counts: npt.NDArray[np.int64], reference: npt.NDArray[np.int64], limits: Limits) -> Difference:
    shares, others = counts / max(counts.sum(), 1), reference / max(reference.sum(), 1)
    distance = float(np.abs(shares - others).sum() / 2)
    table = np.stack([counts, reference])
    table = table[:, table.sum(axis=0) > 0]
    p_value = float(chi2_contingency(table).pvalue) if table.shape[1] > 1 and table.sum(axis=1).all() else 1.0
    return Difference("class mix", distance, limits.mix, p_value, shares.round(4).tolist(), others.round(4).tolist(),
                      distance > limits.mix and p_value < limits.significance)


def _shift(name: str, values: npt.NDArray[np.float64], others: npt.NDArray[np.float64], limits: Limits) -> Difference:
    test = ks_2samp(values, others, method="asymp")
    return Difference(name, float(test.statistic), limits.shift, float(test.pvalue), float(values.mean()),
                      float(others.mean()), bool(test.statistic > limits.shift and test.pvalue < limits.significance))
