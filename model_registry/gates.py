"""What a candidate must pass to be promoted: pure judgements on what was measured of both models.

Both answered the same fixed evaluation sets: `monday` is the day that is known and must not be forgotten, `tuesday`
the one that is to be learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from model_registry.measures import (
    Classes,
    Probabilities,
    Right,
    accuracy,
    expected_calibration_error,
    mcnemar,
    right_answers,
    wilson,
)

MONDAY, TUESDAY = "monday", "tuesday"


class Margins(msgspec.Struct, frozen=True, kw_only=True):
    """The limits. `monday`: accuracy that may be lost there. `significance`: a difference counts as one if chance makes
    one as large in fewer cases than this. `calibration`: by how much the calibration error may grow; 2,000 other
    images a day move it by a standard deviation of some 0.005, of which 0.01 is two. `size_mb`: largest graph, in
    megabytes. `slowdown`: longest time for an image, in times of the champion's. `live_pairs`: rows answered by both,
    with known truth, from which on the live comparison counts.
    """

    monday: float = 0.02
    significance: float = 0.05
    calibration: float = 0.01
    size_mb: float = 20.0
    slowdown: float = 2.0
    live_pairs: int = 50


class Gate(msgspec.Struct, frozen=True):
    """One judgement. `limit` is what the candidate's figure was held against; `words` say it for people."""

    name: str
    passed: bool
    champion: float | None
    candidate: float
    limit: float
    words: str


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the stream that both models answered, where the truth is known. Shares are (right, low, high)."""

    pairs: int
    champion: tuple[float, float, float]
    candidate: tuple[float, float, float]
    p: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a model: its answers by day, the graph's size, and the median time for an image."""

    probabilities: Mapping[str, Probabilities]
    size_mb: float
    ms: float


def gates(champion: Measured | None, candidate: Measured, truth: Mapping[str, Classes],
          margins: Margins) -> list[Gate]:
    """The gates in the order in which people ask; without a champion those that need none."""
    if champion is None:
        return [_tells_apart(candidate, truth), _size(None, candidate, margins)]
    return [_monday(champion, candidate, truth[MONDAY], margins),
            _tuesday(champion, candidate, truth[TUESDAY], margins),
            _calibration(champion, candidate, truth, margins),
            _size(champion, candidate, margins), _speed(champion, candidate, margins)]


def live_comparison(champion: Right, candidate: Right) -> Live:
    """Both models on the same rows of the stream, in the same order."""
    shares = [(float(right.mean()) if len(right) else 0.0, *wilson(int(right.sum()), len(right)))
              for right in (champion, candidate)]
    return Live(pairs=len(champion), champion=shares[0], candidate=shares[1], p=mcnemar(champion, candidate))


def live_gate(live: Live, margins: Margins, required: bool) -> Gate | None:
    """Refuses what is worse in service beyond chance, and, if `required`, what too few rows speak for; None if there
    are too few to judge by and none are required."""
    champion, candidate = live.champion[0], live.candidate[0]
    if live.pairs < margins.live_pairs:
        return Gate("live", False, champion, candidate, margins.live_pairs,
                    f"{live.pairs} rows of the stream with known truth were answered by both, "
                    f"{margins.live_pairs} are needed") if required else None
    worse = candidate < champion and live.p < margins.significance
    return Gate("live", not worse, champion, candidate, champion,
                f"{candidate:.3f} right on {live.pairs} rows of the stream, the champion {champion:.3f} "
                f"({'worse' if worse else 'not worse'} beyond chance, p = {live.p:.2g})")


def _monday(champion: Measured, candidate: Measured, truth: Classes, margins: Margins) -> Gate:
    before, now = (accuracy(model.probabilities[MONDAY], truth) for model in (champion, candidate))
    limit = before - margins.monday
    return Gate("monday", now >= limit - 1e-9, before, now, limit,
                f"{now:.4f} right on Monday, the champion {before:.4f} (it may lose {margins.monday:g})")


def _tuesday(champion: Measured, candidate: Measured, truth: Classes, margins: Margins) -> Gate:
    right = [right_answers(model.probabilities[TUESDAY], truth) for model in (champion, candidate)]
    before, now = float(right[0].mean()), float(right[1].mean())
    p = mcnemar(*right)
    chance = f", and beyond chance: p = {p:.2g}, below {margins.significance:g}" if now > before else ""
    return Gate("tuesday", now > before and p < margins.significance, before, now, before,
                f"{now:.4f} right on Tuesday, the champion {before:.4f} (it must be better{chance})")


def _calibration(champion: Measured, candidate: Measured, truth: Mapping[str, Classes], margins: Margins) -> Gate:
    # Each day for itself: in one heap, doubt on one day would make up for overconfidence on the other.
    before, now = (float(np.mean([expected_calibration_error(model.probabilities[day], truth[day])
                                  for day in (MONDAY, TUESDAY)])) for model in (champion, candidate))
    limit = before + margins.calibration
    return Gate("calibration", now <= limit, before, now, limit,
                f"calibration error {now:.4f} as the mean of both days, the champion's {before:.4f} (it may grow by "
                f"{margins.calibration:g})")


def _size(champion: Measured | None, candidate: Measured, margins: Margins) -> Gate:
    return Gate("size", candidate.size_mb <= margins.size_mb, champion.size_mb if champion else None,
                candidate.size_mb, margins.size_mb, f"{candidate.size_mb:.1f} MB ({margins.size_mb:g} MB are allowed)")


def _speed(champion: Measured, candidate: Measured, margins: Margins) -> Gate:
    limit = champion.ms * margins.slowdown
    return Gate("speed", candidate.ms <= limit, champion.ms, candidate.ms, limit,
                f"{candidate.ms:.2f} ms for an image, the champion {champion.ms:.2f} ms ({limit:.2f} ms are allowed)")


def _tells_apart(candidate: Measured, truth: Mapping[str, Classes]) -> Gate:
    """What a model is worth that nothing is there to be compared with: it must know more than the class mix."""
    known = truth[MONDAY]
    right = right_answers(candidate.probabilities[MONDAY], known)
    low, common = wilson(int(right.sum()), len(known))[0], float(np.bincount(known).max() / len(known))
    return Gate("guessing", low > common, None, float(right.mean()), common,
                f"{right.mean():.4f} right on Monday (at least {low:.4f}, and always saying the commonest class "
                f"gives {common:.4f})")
