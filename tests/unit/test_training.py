"""The parts of a training: what freezing leaves alone, what weights carry, how sure an answer may be."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cargostream.cli.learning import Sets, clean_day
from cargostream.errors import CargostreamError, UsageError
from cargostream.labels import CARGO_LABELS
from cargostream.likeness import signatures
from cargostream.reference import embedding_distance, read_reference, write_reference
from cargostream.served import softmax
from model_registry.augment import augmented
from model_registry.calibrate import temperature
from model_registry.fit import Recipe, device_named, fit, run
from model_registry.keep import SELECTIONS
from model_registry.known import reference_of
from model_registry.lesson import check, lesson_of_days, lesson_of_sets
from model_registry.load import Images
from model_registry.measures import expected_calibration_error
from model_registry.network import GroundNet
from model_registry.splits import TRAIN, split
from model_registry.weights import start_from, start_from_imagenet, write_weights

CLASSES, SIZE = len(CARGO_LABELS), 32
CPU = torch.device("cpu")


def images(count: int, seed: int) -> Images:
    """As many images of each class, of one colour each, with statistics that tell them apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), count)
    pixels = (labels[:, None, None, None] * 40 + rng.integers(0, 40, (len(labels), SIZE, SIZE, 3))).astype(np.uint8)
    digests = np.array([f"{seed}-{number}" for number in range(len(labels))])
    return Images(pixels, labels, digests, rng.random((len(labels), 4)).astype(np.float32))


def network(seed: int = 0) -> GroundNet:
    torch.manual_seed(seed)
    return GroundNet(CLASSES, 0.25)


def state(net: GroundNet) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def taught(frozen: bool, device: torch.device = CPU, anchor: float = 0) -> tuple[dict[str, torch.Tensor], GroundNet]:
    net = network()
    before = state(net)
    recipe = Recipe(width=0.25, size=SIZE, epochs=2, batch=5, rate=1e-2, seed=1, frozen=frozen, anchor=anchor,
                    small=0.5, variation="rough")
    return before, fit(net, images(3, 1), np.full(15, True), images(1, 2), recipe, device, lambda figures: None)


def test_frozen_means_that_only_the_classifier_changes() -> None:
    before, net = taught(frozen=True)
    after = net.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.1.weight", "classifier.1.bias"}  # no running mean, variance or counter


def test_without_freezing_all_of_it_learns_and_a_seed_gives_the_same_again() -> None:
    before, net = taught(frozen=False)
    after = net.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {"mean", "deviation", "temperature"}
    again = taught(frozen=False)[1].state_dict()
    assert all(torch.equal(after[name], again[name]) for name in after)


def test_what_comes_out_is_anchored_in_the_start() -> None:
    """With the whole anchor nothing is learnt; between that and none lies what half of it gives."""
    before, last, half, none = state(network()), *(
        state(taught(frozen=False, anchor=share)[1]) for share in (0.0, 0.5, 1.0))
    for name, value in before.items():
        if value.is_floating_point():
            assert torch.equal(none[name], value)
            torch.testing.assert_close(half[name], (last[name] + value) / 2)


def test_the_small_share_of_the_epochs_sees_three_quarters_of_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sides, net = [], network()

    def seen(pixels: torch.Tensor, generator: torch.Generator, rough: torch.Tensor) -> torch.Tensor:
        sides.append(pixels.shape[1])
        return augmented(pixels, generator, rough)

    monkeypatch.setattr("model_registry.fit.augmented", seen)
    recipe = Recipe(width=0.25, size=SIZE, epochs=4, batch=15, rate=1e-2, seed=1, small=0.5)
    fit(net, images(3, 1), np.full(15, True), images(1, 2), recipe, CPU, lambda figures: None)
    assert sides == [SIZE * 3 // 4] * 2 + [SIZE] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_learns_what_the_cpu_learns() -> None:
    (_, here), (_, there) = taught(frozen=False), taught(frozen=False, device=device_named("cuda"))
    pixels = images(2, 5).pixels
    assert np.abs(run(here, pixels)[0] - run(there, pixels)[0]).max() < 0.5


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(CargostreamError, match="--device cpu"):
        device_named("cuda")
    assert device_named("auto").type == "cpu"


@pytest.mark.parametrize("rough", [None, torch.full((40,), True), torch.arange(40) < 20])
def test_variations_are_images_and_come_from_the_seed(rough: torch.Tensor | None) -> None:
    pixels = torch.from_numpy(images(8, 1).pixels)
    one, same, other = (augmented(pixels, torch.Generator().manual_seed(seed), rough) for seed in (1, 1, 2))
    assert one.shape == pixels.shape
    assert torch.isfinite(one).all()
    assert float(one.min()) >= 0
    assert float(one.max()) <= 255
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_weights_go_on_where_they_ended(tmp_path: Path) -> None:
    source, pixels = network(1), images(1, 1).pixels
    source.temperature.fill_(3.0)
    (tmp_path / "weights.npz").write_bytes(write_weights(source))
    for path in (tmp_path, tmp_path / "weights.npz"):
        target = network(2)
        start_from(target, path)
        assert float(target.temperature) == 1
        np.testing.assert_allclose(run(target, pixels)[0], 3 * run(source, pixels)[0], rtol=1e-4)


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(CargostreamError, match=r"weights\.npz is missing"):
        start_from(network(), tmp_path)
    file = tmp_path / "weights.npz"
    file.write_bytes(b"PK\3\4 half of one")
    with pytest.raises(CargostreamError, match="cannot be used"):
        start_from(network(), file)
    file.write_bytes(write_weights(GroundNet(CLASSES, 0.5)))
    with pytest.raises(CargostreamError, match="--width"):
        start_from(network(), file)


def test_pickles_are_not_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", mean=np.array([print], dtype=object))
    with pytest.raises(CargostreamError, match="cannot be used"):
        start_from(network(), tmp_path)


def test_imagenet_has_one_width() -> None:
    with pytest.raises(CargostreamError, match=r"--width 1\.0"):
        start_from_imagenet(network())


def test_temperature_finds_how_far_confidence_is_off() -> None:
    """Answers drawn from the softmax of logits are explained best by just these logits; doubled, by half of them."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, CLASSES)).astype(np.float32)
    truth = np.array([rng.choice(CLASSES, p=each / each.sum()) for each in softmax(logits).astype(np.float64)])
    assert temperature(logits, truth) == pytest.approx(1, abs=0.03)
    assert temperature(2 * logits, truth) == pytest.approx(2, abs=0.06)
    sure, calibrated = softmax(2 * logits), softmax(2 * logits / np.float32(temperature(2 * logits, truth)))
    assert expected_calibration_error(calibrated, truth) < expected_calibration_error(sure, truth) / 3


def loader(**sets: Images) -> object:
    return lambda name: sets[name]


def no_embedding(name: str) -> np.ndarray:
    raise AssertionError("nobody needs embeddings here")


def test_both_days_are_the_new_one_and_what_is_kept() -> None:
    days = {"monday": images(20, 1), "tuesday": images(30, 2)}
    lesson = lesson_of_days("both", "random", 15, 0, loader(**days), no_embedding)
    learnt = set(lesson.train.digests)
    for name, kept in (("tuesday", 5 * 24), ("monday", 15)):
        training = days[name].digests[split(days[name].digests.tolist(), days[name].labels) == TRAIN]
        assert len(learnt & set(training)) == kept
        assert not (learnt & (set(days[name].digests) - set(training)))
    assert lesson.kept == 15
    assert all(str(digest).startswith("1-") for digest in lesson.train.digests[lesson.clean])
    assert lesson.clean.sum() == 15
    assert len(lesson.train) == 5 * 24 + 15
    assert len(lesson.validation) == 5 * (2 + 3)
    assert not learnt & set(lesson.validation.digests)
    assert lesson.test is not None
    assert len(lesson.test) == 5 * (2 + 3)
    assert not (learnt | set(lesson.validation.digests)) & set(lesson.test.digests)


def test_the_reference_is_of_each_day_and_was_not_learnt() -> None:
    days = {"monday": images(20, 1), "tuesday": images(30, 2)}
    lesson = lesson_of_days("both", "none", 220, 0, loader(**days), no_embedding)
    assert lesson.days == ("monday", "tuesday")
    assert np.bincount(lesson.day).tolist() == [5 * 4, 5 * 6]
    assert all(str(digest).startswith("1-") for digest in lesson.known.digests[lesson.day == 0])
    assert not set(lesson.known.digests) & set(lesson.train.digests)
    assert lesson.kept == 0


def test_a_budget_for_all_keeps_all_without_embeddings() -> None:
    days = {"monday": images(10, 1), "tuesday": images(10, 2)}
    lesson = lesson_of_days("both", "grasp", 40, 0, loader(**days), no_embedding)
    assert lesson.kept == 40


def test_one_day_is_that_day_alone() -> None:
    lesson = lesson_of_days("tuesday", "grasp", 5, 0, loader(tuesday=images(10, 2)), no_embedding)
    assert (lesson.days, lesson.kept, len(lesson.train)) == (("tuesday",), 0, 40)


def test_selections_see_the_embeddings_of_the_old_day() -> None:
    days = {"monday": images(20, 1), "tuesday": images(20, 2)}
    vectors = np.random.default_rng(5).normal(size=(100, 3)).astype(np.float32)
    lesson = lesson_of_days("both", "cp_l2norm", 10, 7, loader(**days), lambda name: {"monday": vectors}[name])
    rows = np.flatnonzero(split(days["monday"].digests.tolist(), days["monday"].labels) == TRAIN)
    expected = SELECTIONS["cp_l2norm"](vectors[rows], days["monday"].labels[rows], 10, np.random.default_rng(7))
    assert set(days["monday"].digests[rows[expected]]) == {
        digest for digest in lesson.train.digests if str(digest).startswith("1-")}


def test_what_is_measured_must_not_be_learnt() -> None:
    sets = {"one": images(10, 1), "other": images(10, 2)}
    lesson = lesson_of_sets(["one"], None, loader(**sets))
    check(lesson, {"other": sets["other"].digests})
    with pytest.raises(CargostreamError, match="of one are also among those to learn from"):
        check(lesson, {"one": sets["one"].digests})
    with pytest.raises(CargostreamError, match="must not have been learnt"):
        check(lesson_of_sets(["one"], "one", loader(**sets)), {"one": sets["one"].digests})


def test_a_list_without_digests_is_known_by_its_files_once_they_are_read(tmp_path: Path) -> None:
    """Lists may lack them; what is measured is read, and must not have been learnt either way."""
    files = [tmp_path / f"{number}.png" for number in range(CLASSES)]
    for file, pixels in zip(files, images(1, 3).pixels, strict=True):
        Image.fromarray(pixels).save(file)
    (tmp_path / "own.jsonl").write_text("".join(f'{{"image_path": "{file.name}", "target": 0}}\n' for file in files))
    sets = Sets(tmp_path, SIZE, skip=False)
    assert sets.digests("own") == sets.digests("not there") == set()
    sets("own")
    assert sets.digests("own") == {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_class_without_images_is_told() -> None:
    without = images(10, 1).where(images(10, 1).labels != 4)
    with pytest.raises(UsageError, match="no image of wood"):
        check(lesson_of_sets(["one"], None, loader(one=without)), {})


def test_the_reference_holds_what_the_network_says_of_known_images() -> None:
    net, lesson = network(1).eval(), lesson_of_sets(["one"], "known", loader(one=images(5, 1), known=images(4, 2)))
    _, learnt = run(net, lesson.train.pixels)
    kinds, shifts = ["fog", "blur"], np.arange(16, dtype=np.float32).reshape(2, 8)
    found = reference_of(net, lesson, learnt, (kinds, shifts))
    logits, embeddings = run(net, lesson.known.pixels)
    assert found.days.tolist() == ["known"]
    assert np.array_equal(found.probabilities, softmax(logits))
    assert np.array_equal(found.statistics, lesson.known.statistics)
    for label in range(CLASSES):
        np.testing.assert_allclose(found.centroids[label], learnt[lesson.train.labels == label].mean(axis=0), rtol=1e-5)
    assert found.embedding_distance[7] == pytest.approx(embedding_distance(found.centroids, embeddings[7]))
    assert found.kinds.tolist() == kinds
    assert np.array_equal(found.shifts, shifts)


@pytest.mark.parametrize(("days", "sets", "reference", "clean"), [
    ("monday", [], None, "monday"), ("both", [], None, "monday"), ("tuesday", [], None, None),
    ("both", ["mine"], None, "mine"), ("both", ["mine", "more"], None, "mine"), ("both", ["mine"], "known", "known")])
def test_damage_is_told_by_the_clean_day_that_rows_are_held_against(
        days: str, sets: list[str], reference: str | None, clean: str | None) -> None:
    assert clean_day(days, sets, reference) == clean


def test_a_spoiled_day_alone_knows_no_kinds_of_damage(tmp_path: Path) -> None:
    sets = loader(tuesday=images(10, 2))
    net, lesson = network(1).eval(), lesson_of_days("tuesday", "none", 1, 0, sets, no_embedding)
    _, learnt = run(net, lesson.train.pixels)
    none = Sets(tmp_path, SIZE, skip=False).signatures(None)
    found = read_reference(write_reference(reference_of(net, lesson, learnt, none)))
    assert found.shifts.shape == (0, 8)
    assert signatures(found, 50) is None
