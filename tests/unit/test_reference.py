"""The reference that travels with a model comes back as it was, and nothing that only looks like one does."""

import dataclasses
import io

import numpy as np
import pytest

from cargostream.errors import ModelRefused
from cargostream.reference import Reference, embedding_distance, read_reference, write_reference

RNG = np.random.default_rng(0)
REFERENCE = Reference(
    days=np.array(["monday", "tuesday"]), day=np.array([0, 0, 1]),
    probabilities=RNG.dirichlet(np.ones(5), 3).astype(np.float32), statistics=RNG.random((3, 4), np.float32),
    embedding_distance=RNG.random(3, np.float32), centroids=RNG.random((5, 7), np.float32),
    kinds=np.array(["blur", "fog"]), shifts=RNG.random((2, 8), np.float32))


def test_it_comes_back_as_it_was() -> None:
    back = read_reference(write_reference(REFERENCE))
    for field in dataclasses.fields(Reference):
        assert np.array_equal(getattr(back, field.name), getattr(REFERENCE, field.name)), field.name


@pytest.mark.parametrize(("changes", "word"), [
    ({"statistics": REFERENCE.statistics[:, :3]}, "statistics"), ({"day": REFERENCE.day[:2]}, "day"),
    ({"shifts": REFERENCE.shifts[:1]}, "shifts"), ({"centroids": REFERENCE.centroids[:4]}, "centroids"),
    ({"probabilities": REFERENCE.probabilities[0]}, "probabilities"), ({"kinds": np.array("fog")}, "kinds"),
    ({"days": np.array("monday")}, "days"), ({"days": np.array([0, 1])}, "days"),
    ({"day": np.array([0, 0, 2])}, "day runs from 0 to 2"), ({"day": np.array([-1, 0, 1])}, "day runs from -1"),
    ({"day": np.array([0.0, 0.5, 1.0])}, "day is of the type"),
    ({"statistics": np.full((3, 4), "bright")}, "statistics is of the type"),
    ({"statistics": np.full((3, 4), np.inf)}, "statistics has a value"),
    ({"probabilities": np.full((3, 5), np.nan)}, "probabilities has a value"),
    ({"shifts": np.full((2, 8), np.nan)}, "shifts has a value")])
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, np.ndarray], word: str) -> None:
    with pytest.raises(ModelRefused, match=word):
        read_reference(write_reference(dataclasses.replace(REFERENCE, **changes)))


def test_a_reference_is_of_as_many_classes_as_the_model() -> None:
    assert read_reference(write_reference(REFERENCE), 5).days.tolist() == ["monday", "tuesday"]
    with pytest.raises(ModelRefused, match="of 5 classes, the model has 4"):
        read_reference(write_reference(REFERENCE), 4)


def test_what_was_not_measured_or_does_not_vary_is_no_fault() -> None:
    shifts = REFERENCE.shifts.copy()
    shifts[:, 7] = -np.inf
    far = np.full(3, np.nan, np.float32)
    read_reference(write_reference(dataclasses.replace(REFERENCE, shifts=shifts, embedding_distance=far)))


def test_pickled_parts_and_other_files_are_refused() -> None:
    file = io.BytesIO()
    np.savez(file, **{field.name: np.array([{}], dtype=object) for field in dataclasses.fields(Reference)})
    for data in (file.getvalue(), b"", b"PK\x03\x04 no archive"):
        with pytest.raises(ModelRefused):
            read_reference(data)


def test_an_embedding_is_as_far_as_the_nearest_class() -> None:
    centroids = np.eye(3, dtype=np.float32)
    assert embedding_distance(centroids, np.array([0, 5, 0], np.float32)) == pytest.approx(0)
    assert embedding_distance(centroids, np.array([1, 1, 0], np.float32)) == pytest.approx(1 - 2**-0.5)
    assert embedding_distance(centroids, np.array([-1, -1, -1], np.float32)) == pytest.approx(1 + 3**-0.5)
    assert embedding_distance(centroids, np.zeros(3, np.float32)) == 1
