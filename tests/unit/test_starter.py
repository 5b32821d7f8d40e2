"""The model that ships, measured again on images that are drawn for the occasion."""

import math
from pathlib import Path

import numpy as np
import pytest

from cargostream.decode import to_array
from cargostream.labels import CARGO_LABELS
from cargostream.served import MODEL, ServedModel, open_model, read_manifest
from data_prepare.parallel import in_processes
from data_prepare.sets import SETS, draw
from model_registry.baseline import forest_accuracy
from model_registry.evaluate import figures_on

STARTER = Path(__file__).resolve().parents[2] / "model_registry" / "starter"

CLAIMED, BASELINE = 0.93, 0.75
EVERY = 4
"""Every fourth image of the evaluation set is drawn, so that `make test` does not wait for 2,000."""


def drawn(name: str, targets_and_numbers: list[tuple[int, int]], size: int) -> np.ndarray:
    return np.stack([to_array(draw(name, target, number), size, 10**6)[0] for target, number in targets_and_numbers])


def some_of(name: str, every: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Every n-th image of each class of a set, and the classes."""
    chosen = [(target, number) for target, count in enumerate(SETS[name].counts) for number in range(0, count, every)]
    lots = [(name, chosen[start::8], size) for start in range(8)]
    labels = [target for _, part, _ in lots for target, _ in part]
    return np.concatenate(list(in_processes(drawn, lots))), np.array(labels)


@pytest.fixture(scope="module")
def model() -> ServedModel:
    return open_model(STARTER)


@pytest.fixture(scope="module")
def evaluation(model: ServedModel) -> tuple[np.ndarray, np.ndarray]:
    return some_of("evaluation-monday", EVERY, model.input_size)


def test_it_is_as_good_as_it_says(model: ServedModel, evaluation: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = evaluation
    assert len(images) >= 500
    claimed = read_manifest(STARTER).evaluation["evaluation-monday accuracy"]
    assert claimed >= CLAIMED
    # A quarter of the images misses the figure of all of them by chance: by more than three deviations one time in 370.
    deviation = math.sqrt(claimed * (1 - claimed) / len(images))
    assert abs(figures_on(model, images, labels).accuracy - claimed) <= 3 * deviation


def test_no_class_is_left_behind(model: ServedModel, evaluation: tuple[np.ndarray, np.ndarray]) -> None:
    recall = figures_on(model, *evaluation).recall
    assert min(recall[label][0] for label in CARGO_LABELS) >= 0.8, recall


def test_counting_colours_is_not_enough(evaluation: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = evaluation
    assert forest_accuracy(*some_of("monday", 2, images.shape[1]), images, labels) < BASELINE


def test_it_is_small_and_says_how_to_make_it_again() -> None:
    assert (STARTER / MODEL).stat().st_size <= 3_000_000
    training = read_manifest(STARTER).training
    assert training["command"].startswith("cargostream model train --set starter --evaluate evaluation-monday")
    assert f"--seed {training['seed']}" in training["command"]


def test_holds_no_path_of_the_machine_that_trained_it() -> None:
    assert b"network.py" not in (STARTER / "model.onnx").read_bytes()
