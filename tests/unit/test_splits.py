"""Splits hang on the images alone."""

import hashlib

import numpy as np

from model_registry.splits import TEST, TRAIN, VALIDATION, split

LABELS = np.repeat(np.arange(5), [43, 145, 378, 226, 191])
DIGESTS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(LABELS))]


def test_every_class_is_split_80_10_10() -> None:
    parts = split(DIGESTS, LABELS)
    for label, count in enumerate(np.bincount(LABELS)):
        held = round(count / 10)
        assert np.bincount(parts[label == LABELS]).tolist() == [count - 2 * held, held, held]


def test_neither_order_nor_seed_decides() -> None:
    parts = dict(zip(DIGESTS, split(DIGESTS, LABELS), strict=True))
    order = np.random.default_rng(1).permutation(len(LABELS))
    again = split([DIGESTS[each] for each in order], LABELS[order])
    assert [parts[DIGESTS[each]] for each in order] == again.tolist()


def test_copies_of_an_image_stay_together() -> None:
    parts = split(DIGESTS + DIGESTS, np.concatenate([LABELS, LABELS]))
    assert (parts[:len(LABELS)] == parts[len(LABELS):]).all()


def test_small_classes_are_learnt_first() -> None:
    found = {n: sorted(split(DIGESTS[:n], np.zeros(n, np.int64)).tolist()) for n in (1, 2, 3)}
    assert found == {1: [TRAIN], 2: [TRAIN, VALIDATION], 3: [TRAIN, VALIDATION, TEST]}
