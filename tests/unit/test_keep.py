"""What is kept of an old day: selections with known answers, and the same budget for all of them."""

import numpy as np
import pytest

from model_registry.keep import EMBEDDED, SELECTIONS, STRATEGIES, closest_pairs, cosine, grasp, l1, l2, shares

LABELS = np.repeat(np.arange(5), [34, 116, 302, 180, 154])
"""The class counts of Monday's training split."""


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def vectors_of(labels: np.ndarray, seed: int = 3) -> np.ndarray:
    return generator(seed).normal(size=(len(labels), 8)).astype(np.float32) + labels[:, None]


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("budget", [1, 2, 7, 219, 220, 500, 785, 786, 5000])
def test_every_strategy_keeps_exactly_its_budget(name: str, budget: int) -> None:
    kept = SELECTIONS[name](vectors_of(LABELS), LABELS, budget, generator())
    assert len(kept) == min(budget, len(LABELS))
    assert len(set(kept.tolist())) == len(kept)
    assert kept.min() >= 0
    assert kept.max() < len(LABELS)


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_generator_alone_decides(name: str) -> None:
    one, same, other = (SELECTIONS[name](vectors_of(LABELS), LABELS, 220, generator(seed)).tolist()
                        for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_the_issue_s_strategies_are_there() -> None:
    assert STRATEGIES == ("none", "random", "cp_l1norm", "cp_l2norm", "cp_cosine", "grasp")
    assert "random" not in EMBEDDED


def test_classes_share_the_budget_and_the_small_ones_give_all() -> None:
    assert shares(LABELS, 220) == {0: 34, 1: 46, 4: 46, 3: 47, 2: 47}
    assert sum(shares(LABELS, 219).values()) == 219
    assert shares(LABELS, 10_000) == {0: 34, 1: 116, 2: 302, 3: 180, 4: 154}


@pytest.mark.parametrize("name", ["random", "grasp"])
def test_balanced_strategies_keep_as_many_of_each_class(name: str) -> None:
    kept = SELECTIONS[name](vectors_of(LABELS), LABELS, 220, generator())
    assert np.bincount(LABELS[kept]).tolist() == [34, 46, 47, 47, 46]


def test_l2_is_not_l1() -> None:
    origin, others = np.zeros(2, np.float32), np.array([[3, 3], [0, 5]], np.float32)
    assert l1(origin, others).tolist() == [6, 5]
    assert l2(origin, others).tolist() == pytest.approx([18**0.5, 5])
    assert l1(origin, others).argmin() != l2(origin, others).argmin()
    assert cosine(np.array([1, 0], np.float32), np.array([[9, 0], [0, 1], [-1, 0]], np.float32)).tolist() == [0, 1, 2]


def test_the_anchor_is_kept_with_the_nearest_of_another_class() -> None:
    # One image of each class, so that all are dealt at once: 0 and 1 are each other's nearest, and 2's nearest is 1.
    vectors, labels = np.array([[0.0], [1.0], [10.0]], np.float32), np.array([0, 1, 2])
    found = {tuple(closest_pairs(l2)(vectors, labels, 2, generator(seed)).tolist()) for seed in range(40)}
    assert found == {(0, 1), (1, 0), (2, 1)}


def test_pairs_by_l2_and_by_l1_differ() -> None:
    # From the anchor at the origin, (3, 3) is nearer by l2 and (0, 5) by l1; the other anchors have one answer each.
    vectors, labels = np.array([[0, 0], [3, 3], [0, 5]], np.float32), np.array([0, 1, 2])
    pairs = {name: {tuple(closest_pairs(distance)(vectors, labels, 2, generator(seed)).tolist())
                    for seed in range(40)} for name, distance in (("l1", l1), ("l2", l2))}
    assert (0, 2) in pairs["l1"]
    assert (0, 2) not in pairs["l2"]
    assert (0, 1) in pairs["l2"]


def test_pairs_are_of_two_classes_while_there_are_two() -> None:
    kept = closest_pairs(cosine)(vectors_of(LABELS), LABELS, 220, generator())
    pairs = LABELS[kept].reshape(-1, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()


def test_one_class_alone_is_kept_up_to_the_budget() -> None:
    labels = np.zeros(9, np.int64)
    assert len(closest_pairs(l1)(vectors_of(labels), labels, 5, generator())) == 5


def test_grasp_takes_what_is_near_the_mean_of_its_class_more_often() -> None:
    # The mean of the class is 0: 50 images lie at 1 from it, 50 at 10, which are a tenth as likely.
    vectors = np.repeat(np.array([[1.0], [-1.0], [10.0], [-10.0]], np.float32), 25, axis=0)
    labels = np.zeros(100, np.int64)
    runs = [grasp(vectors, labels, 45, generator(seed)) for seed in range(100)]
    near = np.mean([rows < 50 for rows in runs], axis=0)
    assert near.mean() > 0.7
    assert near.mean() < 1  # less prototypical ones come too
