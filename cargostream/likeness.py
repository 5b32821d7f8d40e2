"""Which known kind of damage a window of images looks like, by how its image statistics moved.

It is blind for two kinds, `mosaic` and `jpeg`: at severity 3 next to nothing of what moved was explained by any kind,
so neither was named, while each of the other nine was named rightly. That is from one window of 50 real photos a kind:
it tells which kinds are out of reach, not how often a name is right.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from cargostream.reference import STATISTICS, Reference

Values = npt.NDArray[np.float64]

SCALES = np.array([0.5, 0.75, 1.0, 1.25, 1.5])
"""Damage may be milder or harder than what the signatures were made with: shifts are tried at these multiples."""

EXPLAINED = 0.5
"""A kind that accounts for less of what moved than this is not named."""

WIDEST = 2.0
"""Logarithms of ratios of standard deviations count up to here: of what hardly varies, they go to infinity."""

RESAMPLES = 100
SEED = 0


class Likeness(msgspec.Struct, frozen=True):
    """`kind` is the best of the known ones, or None when none fits; `explained` the share of the squared movement that
    it accounts for; `sure` the share of resamples of the window's rows that give the same answer."""

    kind: str | None
    explained: float
    sure: float


@dataclass(frozen=True, slots=True)
class Signatures:
    """Known kinds made comparable with windows of one size: every candidate's movement in units of what chance does to
    such a window. mean, deviation: of each statistic on the undamaged day (4,). unit: (8,). candidates: (k * s, 8)."""

    kinds: tuple[str, ...]
    mean: Values
    deviation: Values
    unit: Values
    candidates: Values


def signatures(reference: Reference, window: int) -> Signatures | None:
    """What the reference tells of kinds of damage, for windows of `window` rows; None if it knows none.

    The first of its days is the undamaged one, which the reference's shifts are counted from.
    """
    rows = reference.statistics[reference.day == reference.day.min(initial=0)].astype(np.float64)
    if not len(reference.kinds) or len(rows) < 2:
        return None
    mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    shifts = reference.shifts.astype(np.float64)
    sides = len(STATISTICS)
    scaled = np.concatenate([SCALES[None, :, None] * shifts[:, None, :sides],
                             np.repeat(shifts[:, None, sides:], len(SCALES), axis=1)], axis=2)
    chance = _compressed(_movement(_resampled(rows, window), mean, deviation))
    unit = np.maximum(chance.std(axis=0), 1e-3)
    return Signatures(tuple(map(str, reference.kinds)), mean, deviation, unit,
                      _compressed(scaled.reshape(-1, 2 * sides)) / unit)


def looks_like(statistics: npt.NDArray[np.float32], known: Signatures) -> Likeness:
    """The kind whose movement is nearest to that of the window's image statistics, (n, 4)."""
    rows = statistics.astype(np.float64)
    best, explained = _nearest(rows[None], known)
    if explained[0] < EXPLAINED:
        return Likeness(None, max(0.0, float(explained[0])), 0.0)
    others, _ = _nearest(_resampled(rows, len(rows)), known)
    return Likeness(known.kinds[best[0]], float(explained[0]), float((others == best[0]).mean()))


def _nearest(samples: Values, known: Signatures) -> tuple[npt.NDArray[np.intp], Values]:
    """For each sample (s, n, 4) the nearest kind, and the share of the squared movement that it accounts for."""
    moved = _compressed(_movement(samples, known.mean, known.deviation)) / known.unit
    squares = ((moved[:, None, :] - known.candidates[None]) ** 2).sum(axis=2)
    nearest = squares.argmin(axis=1)
    return nearest // len(SCALES), 1 - squares.min(axis=1) / np.maximum((moved**2).sum(axis=1), 1e-12)


def _movement(samples: Values, mean: Values, deviation: Values) -> Values:
    """Shift of the mean in standard deviations, and logarithm of the ratio of these, of each sample: (s, 8)."""
    spread = np.maximum(samples.std(axis=1), 1e-6)
    return np.concatenate([(samples.mean(axis=1) - mean) / deviation, np.log(spread / deviation)], axis=1)


def _compressed(movement: Values) -> Values:
    """Of what moved far it matters little how far: one statistic must not outweigh the others."""
    sides = len(STATISTICS)
    return np.concatenate([np.arcsinh(movement[:, :sides]), np.clip(movement[:, sides:], -WIDEST, WIDEST)], axis=1)


def _resampled(rows: Values, size: int) -> Values:
    """RESAMPLES draws, with replacement, of `size` rows."""
    drawn = np.random.default_rng(SEED).integers(0, len(rows), (RESAMPLES, size))
    return rows[drawn]
