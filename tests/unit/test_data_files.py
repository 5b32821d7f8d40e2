"""Folders and lists of images: what is found, what is refused, what `data corrupt` writes and says that it wrote."""

import hashlib
import json
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from cargostream.decode import to_array
from cargostream.errors import CargostreamError, Rejection, UsageError
from data_prepare import corrupt_files as module
from data_prepare.corrupt_files import MANIFEST, corrupt_files
from data_prepare.files import Limits, Unreadable, find_images, read_image
from data_prepare.lists import read_entries
from data_prepare.spoil import Damage, spoil
from tests.support.images import BAD_IMAGES

LIMITS = Limits(5_000_000, 50_000_000)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_processes", lambda work, calls: (work(*call) for call in calls))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    sizes = {"wood/a.jpg": (600, 400), "Wood/deep/er/b.PNG": (8, 8), "brick/ö #1.jpeg": (9, 70), "c.png": (33, 20)}
    for seed, (path, (width, height)) in enumerate(sizes.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(root / path)
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.jpg").write_bytes(b"")
    return root


def test_images_are_found_at_any_depth_in_a_fixed_order(photos: Path, tmp_path: Path) -> None:
    assert find_images(photos) == ["Wood/deep/er/b.PNG", "brick/ö #1.jpeg", "c.png", "wood/a.jpg"]
    with pytest.raises(CargostreamError, match="There is no folder"):
        find_images(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CargostreamError, match="holds no image"):
        find_images(tmp_path / "empty")


@pytest.mark.parametrize("name", [name for name in BAD_IMAGES if name != "out.png"])
def test_what_the_worker_would_reject_is_not_read(name: str, tmp_path: Path) -> None:
    make, code = BAD_IMAGES[name]
    make(tmp_path / name)
    with pytest.raises(Rejection) as caught:
        read_image(tmp_path / name, LIMITS)
    assert caught.value.code == code
    with pytest.raises(Rejection, match="file_not_found"):
        read_image(tmp_path / "none.jpg", LIMITS)


def test_every_image_is_spoiled_under_its_own_name_and_the_manifest_is_true(photos: Path, tmp_path: Path) -> None:
    before = {path: (photos / path).read_bytes() for path in find_images(photos)}
    damages, unreadable = corrupt_files(photos, list(before), tmp_path / "out", "mixed", 4, 7, LIMITS)
    assert unreadable == []
    assert damages == msgspec.json.Decoder(Damage).decode_lines((tmp_path / "out" / MANIFEST).read_bytes())
    assert [damage.image_path for damage in damages] == list(before) == find_images(tmp_path / "out")
    for damage in damages:
        data = (tmp_path / "out" / damage.image_path).read_bytes()
        assert hashlib.sha256(before[damage.image_path]).hexdigest() == damage.source_sha256
        assert hashlib.sha256(data).hexdigest() == damage.sha256 != damage.source_sha256
        # The kind that the manifest names, done again, gives the same file.
        assert spoil(before[damage.image_path], damage.image_path, damage.kind, damage.severity, 7) == (data, damage)
        to_array(data, 32, 10**6)
    assert {path: (photos / path).read_bytes() for path in before} == before


def test_the_order_of_the_images_changes_nothing(photos: Path, tmp_path: Path) -> None:
    paths = find_images(photos)
    first, _ = corrupt_files(photos, paths, tmp_path / "one", "mixed", 3, 1, LIMITS)
    second, _ = corrupt_files(photos, paths[::-1], tmp_path / "two", "mixed", 3, 1, LIMITS)
    assert first == second[::-1]


def test_images_that_cannot_be_used_are_listed_and_left_out_only_on_request(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes((photos / "wood/a.jpg").read_bytes()[:2000])
    os.mkfifo(photos / "fifo.jpg")
    paths, told = find_images(photos), []
    with pytest.raises(CargostreamError, match=r"2 of 6 images cannot be used; nothing was written.*--skip-unreadable"):
        corrupt_files(photos, paths, tmp_path / "out", "fog", 3, 1, LIMITS, report=told.append)
    assert [each.path for each in told] == ["broken.jpg", "fifo.jpg"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photos"]
    damages, unreadable = corrupt_files(photos, paths, tmp_path / "out", "fog", 3, 1, LIMITS, skip=True)
    assert (len(damages), unreadable) == (4, told)
    with pytest.raises(CargostreamError, match="None of the images"):
        corrupt_files(photos, ["broken.jpg"], tmp_path / "two", "fog", 3, 1, LIMITS, skip=True)
    assert isinstance(told[0], Unreadable)


def test_nothing_is_ever_overwritten(photos: Path, tmp_path: Path) -> None:
    paths = find_images(photos)
    for output in (photos, photos / "spoiled"):
        with pytest.raises(UsageError):
            corrupt_files(photos, paths, output, "fog", 3, 1, LIMITS)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        corrupt_files(photos, paths, tmp_path / "full", "fog", 3, 1, LIMITS)
    assert (tmp_path / "full/mine.txt").read_text() == "mine"
    assert find_images(photos) == paths


def test_a_wrong_kind_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are random_boxes"):
        corrupt_files(tmp_path / "none", ["a.jpg"], tmp_path / "out", "rust", 3, 1, LIMITS)


def test_lists_of_the_original_are_read(tmp_path: Path) -> None:
    lines = [{"image_path": "brick/brick_1.jpg", "target": 1}, {"image_path": "wood\\tree1.jpg", "target": 4}]
    (tmp_path / "monday.json").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    entries = read_entries(tmp_path / "monday.json")
    assert [(entry.image_path, entry.target, entry.sha256) for entry in entries] == [
        ("brick/brick_1.jpg", 1, None), ("wood/tree1.jpg", 4, None)]


@pytest.mark.parametrize(("text", "said"), [
    ("", "is empty"), ('{"target": 1}', "Line 1 of .* expected shape"), ('{"image_path": "../a.jpg"}', "no path below"),
    ('{"image_path": "/a.jpg"}', "no path below"), ('{"image_path": "a.jpg"}\n{', "Line 2"),
    ('{"image_path": "..\\\\a.jpg"}', "no path below")])
def test_a_list_that_is_none_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(text)
    with pytest.raises(CargostreamError, match=said):
        read_entries(tmp_path / "list.jsonl")
