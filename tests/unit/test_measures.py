"""Figures of answers: known answers, and published numbers where there are any."""

import numpy as np
import pytest

from model_registry.evaluate import named
from model_registry.measures import (
    accuracy,
    confusion,
    expected_calibration_error,
    figures,
    mcnemar,
    right_answers,
    wilson,
)

SURE = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]], np.float32)
TRUTH = np.array([0, 1, 1, 1])


@pytest.mark.parametrize(("right", "n", "low", "high"), [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)])
def test_wilson_as_published(right: int, n: int, low: float, high: float) -> None:
    """Table I of R. G. Newcombe, Statistics in Medicine 17 (1998), method 3."""
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_higher_level_is_a_wider_interval() -> None:
    (low, high), (lower, higher) = wilson(90, 100), wilson(90, 100, level=0.99)
    assert lower < low < 0.9 < high < higher


def test_accuracy_and_confusion() -> None:
    assert right_answers(SURE, TRUTH).tolist() == [True, False, True, True]
    assert accuracy(SURE, TRUTH) == 0.75
    assert confusion(SURE, TRUTH).tolist() == [[1, 0], [1, 2]]


def test_calibration_error_by_hand() -> None:
    """Of two answers at 0.9 one is right (off by 0.4), of two at 0.8 both (off by 0.2)."""
    assert expected_calibration_error(SURE, TRUTH) == pytest.approx((0.4 * 2 + 0.2 * 2) / 4, abs=1e-6)


def test_certain_and_right_is_calibrated() -> None:
    assert expected_calibration_error(np.eye(3, dtype=np.float32), np.arange(3)) == 0


def test_under_and_over_confidence_in_different_bins_do_not_cancel() -> None:
    probabilities = np.array([[1.0, 0.0], [0.51, 0.49]], np.float32)
    assert expected_calibration_error(probabilities, np.array([1, 0])) == pytest.approx((1 + 0.49) / 2, abs=1e-6)


def test_mcnemar_counts_only_where_they_differ() -> None:
    """9 to 1 is 2 * (C(10,0) + C(10,1)) / 2^10, whatever both got right or wrong."""
    a = np.array([True] * 9 + [False] + [True] * 50 + [False] * 40)
    b = np.array([False] * 9 + [True] + [True] * 50 + [False] * 40)
    assert mcnemar(a, b) == mcnemar(b, a) == pytest.approx(22 / 1024)


def test_models_that_never_differ_are_not_told_apart() -> None:
    assert mcnemar(np.ones(5, bool), np.ones(5, bool)) == 1.0


def test_figures_hold_all_of_it_and_leave_out_a_class_that_does_not_occur() -> None:
    found = figures(np.pad(SURE, ((0, 0), (0, 1))), TRUTH, ("sand", "gravel", "snow"))
    assert (found.n, found.accuracy, found.low, found.high) == (4, 0.75, *wilson(3, 4))
    assert found.recall == {"sand": (1.0, *wilson(1, 1)), "gravel": (2 / 3, *wilson(2, 3))}
    assert found.confusion == ((1, 0, 0), (1, 2, 0), (0, 0, 0))


def test_figures_by_name() -> None:
    low, high = wilson(3, 4)
    by_name = named(figures(SURE, TRUTH, ("sand", "gravel")))
    assert by_name["accuracy"] == 0.75
    assert (by_name["accuracy low"], by_name["accuracy high"]) == (round(low, 4), round(high, 4))
    assert by_name["recall gravel"] == 0.6667
    assert (by_name["ece"], by_name["images"]) == (0.3, 4)
