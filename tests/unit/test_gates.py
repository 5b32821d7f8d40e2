"""Each gate refuses alone, with words that say why; the margins are what decides."""

import msgspec
import numpy as np
import pytest

from model_registry.gates import MONDAY, TUESDAY, Live, Margins, Measured, gates, live_comparison, live_gate

N = 1000
TRUTH = {day: np.arange(N) % 5 for day in (MONDAY, TUESDAY)}
MARGINS = Margins()


def answers(right: int, confidence: float) -> np.ndarray:
    """The first `right` images answered rightly, the others with the class after; all as confident."""
    said = TRUTH[MONDAY].copy()
    said[right:] = (said[right:] + 1) % 5
    probabilities = np.full((N, 5), (1 - confidence) / 4, np.float32)
    probabilities[np.arange(N), said] = confidence
    return probabilities


def model(monday: int = 970, tuesday: int = 600, confidence: float | None = None, size_mb: float = 3.0,
          ms: float = 2.0) -> Measured:
    """On each day as confident as it is right, unless told otherwise."""
    return Measured({day: answers(right, confidence or right / N)
                     for day, right in ((MONDAY, monday), (TUESDAY, tuesday))}, size_mb, ms)


def refused(champion: Measured | None, candidate: Measured, margins: Margins = MARGINS) -> list[str]:
    return [gate.name for gate in gates(champion, candidate, TRUTH, margins) if not gate.passed]


def words(name: str, champion: Measured, candidate: Measured) -> str:
    return next(gate.words for gate in gates(champion, candidate, TRUTH, MARGINS) if gate.name == name)


def test_one_that_learnt_tuesday_and_forgot_little_passes_all() -> None:
    assert [gate.name for gate in gates(model(), model(955, 900), TRUTH, MARGINS)] == [
        "monday", "tuesday", "calibration", "size", "speed"]
    assert refused(model(), model(955, 900)) == []


@pytest.mark.parametrize(("candidate", "gate", "said"), [
    (model(949, 900), "monday", "0.9490 right on Monday, the champion 0.9700 (it may lose 0.02)"),
    (model(970, 600), "tuesday", "the champion 0.6000 (it must be better)"),
    (model(970, 603), "tuesday", "(it must be better, and beyond chance: p = 0.25, below 0.05)"),
    (model(970, 500), "tuesday", "0.5000 right on Tuesday, the champion 0.6000"),
    (model(970, 900, confidence=0.5), "calibration", "0.4350 as the mean of both days, the champion's 0.0000"),
    (model(970, 900, size_mb=20.1), "size", "20.1 MB (20 MB are allowed)"),
    (model(970, 900, ms=4.1), "speed", "4.10 ms for an image, the champion 2.00 ms (4.00 ms are allowed)")])
def test_each_refuses_alone(candidate: Measured, gate: str, said: str) -> None:
    assert refused(model(), candidate) == [gate]
    assert said in words(gate, model(), candidate)


@pytest.mark.parametrize(("candidate", "margins"), [
    (model(949, 900), {"monday": 0.03}), (model(970, 603), {"significance": 0.3}),
    (model(970, 900, confidence=0.5), {"calibration": 0.5}), (model(970, 900, size_mb=20.1), {"size_mb": 21}),
    (model(970, 900, ms=4.1), {"slowdown": 2.1})])
def test_a_wider_margin_lets_it_through(candidate: Measured, margins: dict[str, float]) -> None:
    assert refused(model(), candidate, msgspec.structs.replace(MARGINS, **margins)) == []


def test_exactly_the_margin_is_allowed() -> None:
    assert refused(model(970), model(950, 900)) == []


def test_doubt_on_one_day_does_not_make_up_for_overconfidence_on_the_other() -> None:
    """970 right and 630 right are 0.8 of all, which is the confidence, and 0.17 off on each day."""
    candidate = model(970, 630, confidence=0.8)
    assert refused(model(), candidate) == ["calibration"]
    assert "calibration error 0.1700" in words("calibration", model(), candidate)


def test_with_no_champion_it_must_do_more_than_guess() -> None:
    assert refused(None, model(400)) == []
    assert refused(None, model(210)) == ["guessing"]
    assert refused(None, model(400, size_mb=21)) == ["size"]


def right(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows on which (both, only the champion, only the candidate, neither) were right."""
    both, first, second, neither = counts
    return (np.repeat([True, True, False, False], [both, first, second, neither]),
            np.repeat([True, False, True, False], [both, first, second, neither]))


def test_service_is_compared_in_pairs() -> None:
    live = live_comparison(*right(40, 2, 8, 10))
    assert (live.pairs, live.champion[0], live.candidate[0]) == (60, 0.7, 0.8)
    assert live.p == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert live.champion[1] < 0.7 < live.champion[2]


def gate_of(live: Live, required: bool = False) -> bool | None:
    gate = live_gate(live, MARGINS, required)
    return gate and gate.passed


def test_service_refuses_only_what_is_worse_beyond_chance() -> None:
    assert gate_of(live_comparison(*right(40, 12, 0, 10))) is False
    assert gate_of(live_comparison(*right(40, 3, 0, 20))) is True
    assert gate_of(live_comparison(*right(40, 0, 12, 10))) is True


def test_too_few_rows_say_nothing_unless_they_are_required() -> None:
    few = live_comparison(*right(0, 20, 0, 0))
    assert gate_of(few) is None
    gate = live_gate(few, MARGINS, required=True)
    assert gate is not None
    assert not gate.passed
    assert gate.words == "20 rows of the stream with known truth were answered by both, 50 are needed"
    assert gate_of(live_comparison(*right(0, 0, 0, 0)), required=True) is False
