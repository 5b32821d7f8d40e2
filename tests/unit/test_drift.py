"""The test for drift keeps its false-alarm rate, sees what it should, and knows a known day."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from cargostream.drift import ALL_DAYS, judge, known, ks_distance, ks_p_value, level, names, table
from cargostream.reference import STATISTICS, Reference

LABELS = ("gravel", "sand", "wood")


def rows(rng, n, bright=0.0, unsure=0.0):
    """Answers as a model gives them: sure of itself, statistics that hang together, many of them exactly alike."""
    sure = rng.dirichlet((8 - unsure, 0.4 + unsure, 0.4), n)
    statistics = rng.normal(0.5 + bright, 0.1, (n, 4))
    statistics[:, 1] += statistics[:, 0]
    statistics[:, 3] = np.where(rng.random(n) < 0.7, 0, statistics[:, 3])
    return table(sure.astype(np.float32), statistics.astype(np.float32), rng.exponential(0.05, n).astype(np.float32))


def reference(*days):
    both = np.concatenate(days)
    return known(Reference(
        days=np.array([f"day {number}" for number in range(len(days))]),
        day=np.repeat(np.arange(len(days)), [len(day) for day in days]), probabilities=both[:, :3],
        statistics=both[:, 4:8], embedding_distance=both[:, 8], centroids=np.ones((3, 2), np.float32),
        kinds=np.array([], str), shifts=np.zeros((0, 8), np.float32)), LABELS)


@pytest.mark.parametrize("known_rows", [150, 900])
def test_windows_of_a_known_day_trip_no_more_often_than_said(known_rows):
    trips, windows = 0, 600
    for seed in range(6):  # a reference is a sample too: one that is odd by chance must not decide
        rng = np.random.default_rng(seed)
        day = reference(rows(rng, known_rows))
        trips += sum(judge(rows(rng, 50), day, 0.05).drift for _ in range(windows // 6))
    assert trips / windows < 0.05 + 3 * np.sqrt(0.05 * 0.95 / windows)
    assert trips > 0  # and the test is awake


@pytest.mark.parametrize(("change", "statistic"), [
    ({"bright": 0.1}, "brightness"), ({"unsure": 4.0}, "confidence")])
def test_a_window_that_moved_trips_at_the_level_of_a_long_watch(change, statistic):
    rng = np.random.default_rng(0)
    day, threshold = reference(rows(rng, 900)), level(50, 100_000)
    verdicts = [judge(rows(rng, 50, **change), day, threshold) for _ in range(40)]
    assert sum(verdict.drift for verdict in verdicts) >= 38
    moved = [one for one in verdicts[0].statistics if one.moved]
    assert statistic in [one.statistic for one in moved]
    assert "embedding_distance" not in [one.statistic for one in moved]


def test_a_mixture_that_moves_no_statistic_far_is_strange_all_the_same():
    rng = np.random.default_rng(5)
    day, threshold = reference(rows(rng, 900)), level(50, 100_000)
    mixtures = [np.concatenate([rows(rng, 20), rows(rng, 15, bright=0.4), rows(rng, 15, bright=-0.4)])
                for _ in range(20)]
    verdicts = [judge(window, day, threshold) for window in mixtures]
    assert sum(verdict.drift for verdict in verdicts) >= 18
    for verdict in verdicts:
        assert min(verdict.statistics, key=lambda one: one.p_value).statistic == "strangeness"
    (strange,) = [one for one in verdicts[0].statistics if one.statistic == "strangeness"]
    assert strange.reference_mean == pytest.approx(3, abs=0.1)
    assert strange.mean > 4


def test_what_moved_says_from_where_to_where():
    rng = np.random.default_rng(0)
    verdict = judge(rows(rng, 50, bright=0.2), reference(rows(rng, 900)), 0.001)
    (bright,) = [one for one in verdict.statistics if one.statistic == "brightness"]
    assert bright.reference_mean == pytest.approx(0.5, abs=0.02)
    assert bright.mean == pytest.approx(0.7, abs=0.05)
    assert bright.distance > 0.5
    assert verdict.p_value <= bright.p_value * len(verdict.statistics)


def test_a_known_day_is_no_drift_and_neither_are_several_together():
    rng = np.random.default_rng(1)
    monday, tuesday = rows(rng, 600), rows(rng, 600, bright=0.3, unsure=3)
    both = reference(monday, tuesday)
    new = rows(rng, 50, bright=0.3, unsure=3)
    assert judge(new, reference(monday), 0.001).drift
    assert judge(new, both, 0.001) == judge(new, reference(np.empty((0, 9), np.float32), tuesday), 0.001)
    mixed = judge(np.concatenate([rows(rng, 25), new[:25]]), both, 0.001)
    assert (mixed.drift, mixed.against) == (False, ALL_DAYS)
    assert judge(rows(rng, 50, bright=-0.3), both, 0.001).drift


def test_a_statistic_that_was_not_measured_is_left_out():
    rng = np.random.default_rng(2)
    day, window = reference(rows(rng, 300)), rows(rng, 50)
    window[3, 8] = np.nan
    assert [one.statistic for one in judge(window, day, 0.01).statistics] == list(names(LABELS)[:-2])
    nothing = judge(np.full((50, 9), np.nan, np.float32), day, 0.01)
    assert (nothing.drift, nothing.p_value, nothing.statistics) == (False, 1.0, ())


def test_differences_that_another_processor_makes_do_not_count():
    rng = np.random.default_rng(3)
    same = rows(rng, 100)
    same[:, :4] = np.round(same[:, :4], 1)
    off = same + rng.normal(0, 1e-6, same.shape).astype(np.float32)
    assert all(one.distance < 0.02 for one in judge(off, reference(same), 0.01).statistics)


@pytest.mark.parametrize(("n", "m"), [(50, 983), (50, 150), (200, 2000), (20, 300)])
def test_p_values_are_the_exact_ones_or_somewhat_larger(n, m):
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.3, 0.6, 0.9):
        sample, other = np.sort(rng.normal(shift, 1, n)), np.sort(rng.normal(0, 1, m))
        exact = ks_2samp(sample, other, method="exact")
        assert ks_distance(sample, other) == pytest.approx(exact.statistic)
        ours = ks_p_value(ks_distance(sample, other), n, m)
        assert exact.pvalue * 0.95 <= ours
        if exact.pvalue > 1e-5:
            assert ours <= exact.pvalue * 2.5


def test_the_level_follows_from_how_often_an_alarm_may_be_false():
    assert level(50, 100_000) == pytest.approx(0.0005)
    assert level(5000, 1000) == 1.0
    assert len(names(LABELS)) == len(LABELS) + 3 + len(STATISTICS)
