"""A window of spoiled images is told by how its image statistics moved; one that fits nothing is not named."""

import dataclasses

import numpy as np
import pytest

from cargostream.likeness import looks_like, signatures
from cargostream.reference import Reference

MEAN, DEVIATION = np.array([0.5, 0.2, 0.02, 0.01]), np.array([0.1, 0.05, 0.01, 0.005])
SHIFTS = {"fog": (2, -1.5, -1, 0, -0.9, -1, -1, -np.inf), "noise": (0, 0.2, 2.5, 0, 0, 0, -0.5, -1),
          "line": (-0.5, 2, 0, 6, 0, 0.5, 0, 1)}


def images(rng, n, shift=(0,) * 8, times=1.0):
    shift = np.array(shift)
    spread = DEVIATION * np.exp(np.maximum(shift[4:], -5))
    return rng.normal(MEAN + times * shift[:4] * DEVIATION, spread, (n, 4)).astype(np.float32)


REFERENCE = Reference(
    days=np.array(["clean", "other"]), day=np.repeat([0, 1], [400, 50]),
    probabilities=np.full((450, 2), 0.5, np.float32),
    statistics=np.concatenate([images(np.random.default_rng(0), 400), np.ones((50, 4), np.float32)]),
    embedding_distance=np.zeros(450, np.float32), centroids=np.ones((2, 3), np.float32),
    kinds=np.array(list(SHIFTS)), shifts=np.array(list(SHIFTS.values()), np.float32))


@pytest.mark.parametrize("kind", SHIFTS)
@pytest.mark.parametrize("times", [0.6, 1.0, 1.4])
def test_a_kind_is_known_at_any_severity(kind, times):
    rng = np.random.default_rng(1)
    found = [looks_like(images(rng, 50, SHIFTS[kind], times), signatures(REFERENCE, 50)) for _ in range(10)]
    assert [one.kind for one in found] == [kind] * 10
    assert min(one.explained for one in found) > 0.5
    assert np.mean([one.sure for one in found]) > 0.8


def test_what_fits_nothing_has_no_name():
    rng = np.random.default_rng(2)
    known = signatures(REFERENCE, 50)
    dark = looks_like(images(rng, 50, (-4, 0, 0, 0, 0, 0, 0, 0)), known)
    assert (dark.kind, dark.sure) == (None, 0.0)
    assert 0 <= dark.explained < 0.5
    assert looks_like(images(rng, 50), known).kind is None


def test_two_kinds_that_fit_alike_are_said_to_be_unsure():
    twins = dataclasses.replace(REFERENCE, kinds=np.array(["one", "two"]), shifts=np.array(
        [(2, 0, 0, 0, 0, 0, 0, 0), (2, 0.1, 0, 0, 0, 0, 0, 0)], np.float32))
    found = looks_like(images(np.random.default_rng(3), 50, (2, 0.05, 0, 0, 0, 0, 0, 0)), signatures(twins, 50))
    assert found.kind in ("one", "two")
    assert found.sure < 0.95


def test_the_same_rows_always_get_the_same_answer():
    window = images(np.random.default_rng(4), 50, SHIFTS["fog"])
    assert looks_like(window, signatures(REFERENCE, 50)) == looks_like(window, signatures(REFERENCE, 50))


def test_a_reference_that_knows_no_kinds_tells_none():
    none = dataclasses.replace(REFERENCE, kinds=np.array([], str), shifts=np.zeros((0, 8), np.float32))
    assert signatures(none, 50) is None
