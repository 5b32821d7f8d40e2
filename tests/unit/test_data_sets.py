"""Drawn sets: the same from the same seed however they are drawn, never sharing an image, complete or not there."""

import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, UsageError
from cargostream.images import MARKER, FolderStore
from cargostream.labels import CARGO_LABELS
from data_prepare import sets as module
from data_prepare.lists import read_list
from data_prepare.parallel import in_processes
from data_prepare.photograph import LARGEST, SMALLEST, photograph
from data_prepare.sets import SEED, SETS, SEVERITY, ImageSet, draw, ensure_set
from data_prepare.spoil import Damage, spoil

SMALL = {name: each._replace(counts=(1, 2, 3, 2, 1)) for name, each in SETS.items()}


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests about other things than processes, which cost a second to start."""
    monkeypatch.setattr(module, "in_processes", lambda work, calls: (work(*call) for call in calls))


def test_the_days_have_the_class_counts_of_the_original() -> None:
    assert SETS["monday"].counts == (43, 145, 378, 226, 191)
    assert SETS["tuesday"].counts == (42, 144, 378, 224, 190)
    assert sum(SETS["stream"].counts) >= 1000
    for name in ("evaluation-monday", "evaluation-tuesday"):
        assert sum(SETS[name].counts) >= 2000
        assert min(SETS[name].counts) >= 200


def test_every_set_has_seeds_of_its_own() -> None:
    assert len({each.number for each in SETS.values()}) == len(SETS)


@pytest.mark.usefixtures("one_process")
def test_sets_share_no_image_and_the_list_tells_the_truth(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, 10_000_000)
    digests: list[str] = []
    for name in SMALL:
        listing = ensure_set(tmp_path, name, sets=SMALL)
        images = read_list(listing)
        assert [sum(image.target == target for image in images) for target in range(5)] == list(SMALL[name].counts)
        for image in images:
            data = store.read(image.image_path)  # the worker's own way to it
            assert image.image_path.split("/")[:2] == [name, CARGO_LABELS[image.target]]
            assert hashlib.sha256(data).hexdigest() == image.sha256
        digests += [image.sha256 for image in images]
    assert len(set(digests)) == len(digests)
    assert (tmp_path / MARKER).is_file()
    assert set(json.loads(listing.read_text().splitlines()[0])) == {"image_path", "target", "sha256"}


def test_the_number_of_processes_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = ImageSet(1, (0, 0, 20, 15, 0))
    ensure_set(tmp_path / "many", "monday", sets={"monday": several})
    monkeypatch.setattr(module, "in_processes", lambda work, calls: (work(*call) for call in calls))
    ensure_set(tmp_path / "one", "monday", sets={"monday": several})
    assert (tmp_path / "many/monday.jsonl").read_bytes() == (tmp_path / "one/monday.jsonl").read_bytes()


def test_monday_and_what_it_is_measured_on_are_clean_and_tuesday_is_not() -> None:
    spoiled = {name for name, each in SETS.items() if each.spoiled}
    assert spoiled == {"tuesday", "evaluation-tuesday", "stream-tuesday"}
    assert SETS["stream-tuesday"].counts == SETS["stream"].counts


@pytest.mark.usefixtures("one_process")
def test_what_was_done_to_a_spoiled_set_is_beside_its_list(tmp_path: Path) -> None:
    listing = ensure_set(tmp_path, "tuesday", sets=SMALL)
    damages = msgspec.json.Decoder(Damage).decode_lines((tmp_path / "tuesday.corruptions.jsonl").read_bytes())
    images = read_list(listing)
    assert [damage.image_path for damage in damages] == [image.image_path for image in images]
    clean = {"tuesday": SMALL["tuesday"]._replace(spoiled=False)}
    for image, damage in zip(images, damages, strict=True):
        number = int(image.image_path.removesuffix(".jpg").rsplit("_", 1)[1])
        before = draw("tuesday", image.target, number, sets=clean)
        assert spoil(before, image.image_path, damage.kind, SEVERITY, SEED) == (
            (tmp_path / image.image_path).read_bytes(), damage)
        assert (damage.severity, damage.source_sha256, damage.sha256) == (
            SEVERITY, hashlib.sha256(before).hexdigest(), image.sha256)
    ensure_set(tmp_path, "monday", sets=SMALL)
    assert not (tmp_path / "monday.corruptions.jsonl").exists()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("seed", [None, 2022])
def test_a_clean_tuesday_of_an_older_version_is_noticed(tmp_path: Path, seed: int | None) -> None:
    ensure_set(tmp_path, "tuesday", sets={"tuesday": SMALL["tuesday"]._replace(spoiled=False)})
    with pytest.raises(CargostreamError, match=r"is clean.*remove"):
        ensure_set(tmp_path, "tuesday", seed=seed, sets=SMALL)


@pytest.mark.usefixtures("one_process")
def test_a_set_that_is_there_is_kept(tmp_path: Path) -> None:
    listing = ensure_set(tmp_path, "monday", sets=SMALL)
    before = listing.stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    ensure_set(tmp_path, "monday", sets=SMALL, progress=lambda done, total: seen.append((done, total)))
    assert (listing.stat().st_mtime_ns, seen) == (before, [])


@pytest.mark.usefixtures("one_process")
def test_what_a_crash_left_is_drawn_again(tmp_path: Path) -> None:
    listing = ensure_set(tmp_path, "monday", sets=SMALL)
    complete = listing.read_bytes()
    listing.unlink()  # the list comes last
    (tmp_path / "monday/wood/wood_0.jpg").write_bytes(b"cut")
    shutil.copytree(tmp_path / "monday", tmp_path / ".monday.partial")
    assert ensure_set(tmp_path, "monday", sets=SMALL).read_bytes() == complete
    assert (tmp_path / "monday/wood/wood_0.jpg").read_bytes() == draw("monday", 4, 0)
    assert not (tmp_path / ".monday.partial").exists()


@pytest.mark.usefixtures("one_process")
def test_another_seed_draws_other_images_and_is_not_mixed_up(tmp_path: Path) -> None:
    assert draw("monday", 1, 0, seed=1) != draw("monday", 1, 0, seed=2)
    ensure_set(tmp_path, "monday", seed=1, sets=SMALL)
    ensure_set(tmp_path, "monday", seed=1, sets=SMALL)
    with pytest.raises(UsageError, match="another seed than 2"):
        ensure_set(tmp_path, "monday", seed=2, sets=SMALL)


def test_an_unknown_set_is_a_wrong_word(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image set 'sunday'"):
        ensure_set(tmp_path, "sunday")


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CargostreamError, match="cannot be written"):
        ensure_set(tmp_path / "file", "monday", sets=SMALL)


@pytest.mark.parametrize("kind", CARGO_LABELS)
def test_photos_are_sound_and_of_the_stated_size(kind: str, tmp_path: Path) -> None:
    for seed in range(3):
        data = photograph(kind, np.random.default_rng(seed))
        (tmp_path / "photo.jpg").write_bytes(data)
        with Image.open(tmp_path / "photo.jpg") as image:
            assert image.format == "JPEG"
            assert SMALLEST <= min(image.size) <= max(image.size) <= LARGEST
        pixels, statistics = to_array(data, 64, 10**6)
        assert pixels.shape == (64, 64, 3)
        assert statistics.contrast > 0.005


def _fails(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def test_an_error_in_a_process_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="three"):
        list(in_processes(_fails, [(number,) for number in range(5)]))
