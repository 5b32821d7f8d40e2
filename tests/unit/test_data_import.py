"""`data import`: nothing is copied that need not be, every image has its digest, and a crash leaves no set."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cargostream.errors import CargostreamError, UsageError
from cargostream.images import MARKER, FolderStore
from cargostream.labels import CARGO_LABELS
from data_prepare import import_files as module
from data_prepare.files import Limits
from data_prepare.import_files import COPIED, IN_PLACE, LINKED, Imported, entries_of_folder, import_images
from data_prepare.lists import read_entries, read_list
from data_prepare.sets import SETS, ensure_set

LIMITS = Limits(5_000_000, 50_000_000)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_processes", lambda work, calls: (work(*call) for call in calls))


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)).save(path)


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """The public data set's layout, with some liberties."""
    root = tmp_path / "kaggle"
    names = ("background/background_1.jpg", "BRICK/brick 1 (2).jpg", "concrete/concrete1.jpg",
             "ground/more/ground_1.jpg", "Wood/tree#1.jpg", "wood/tree2.png")
    for seed, name in enumerate(names):
        photo(root / name, seed)
    return root


def imported(folder: Path, store: Path, name: str = "mine", **options: object) -> Imported:
    return import_images(folder, entries_of_folder(folder), store, name, LIMITS, **options)


def test_a_folder_of_classes_becomes_a_set_that_the_worker_can_read(kaggle: Path, tmp_path: Path) -> None:
    done = imported(kaggle, tmp_path / "store")
    assert (done.ways, done.unreadable, done.duplicates) == ({LINKED: 6, COPIED: 0, IN_PLACE: 0}, [], [])
    lines = read_list(tmp_path / "store/mine.jsonl")
    assert lines == done.lines
    assert [line.target for line in lines] == [0, 1, 2, 3, 4, 4]
    store = FolderStore(tmp_path / "store", 10**6)
    for line in lines:
        assert hashlib.sha256(store.read(line.image_path)).hexdigest() == line.sha256
        assert line.image_path.split("/")[:2] == ["mine", CARGO_LABELS[line.target]]
    assert lines[3].image_path == "mine/ground/more/ground_1.jpg"
    assert lines[4].image_path == f"mine/wood/{lines[4].sha256[:16]}.jpg"  # a name that the store does not allow
    assert (tmp_path / "store" / MARKER).is_file()
    assert os.stat(kaggle / "wood/tree2.png").st_nlink == 2


def test_the_same_folder_gives_the_same_list(kaggle: Path, tmp_path: Path) -> None:
    first, second = (imported(kaggle, tmp_path / store).listing.read_bytes() for store in ("one", "two"))
    assert first == second


def test_what_cannot_be_linked_is_copied(kaggle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(18, "Invalid cross-device link")
    monkeypatch.setattr(module.os, "link", refuse)
    assert imported(kaggle, tmp_path / "store").ways == {LINKED: 0, COPIED: 6, IN_PLACE: 0}


def test_images_in_the_store_stay_where_they_are(kaggle: Path, tmp_path: Path) -> None:
    store = tmp_path
    done = imported(kaggle, store)
    assert done.ways == {LINKED: 1, COPIED: 0, IN_PLACE: 5}  # one has a name that the worker would refuse
    assert [line.image_path for line in done.lines][:2] == ["kaggle/background/background_1.jpg",
                                                            "kaggle/BRICK/brick 1 (2).jpg"]
    for line in done.lines:
        FolderStore(store, 10**6).read(line.image_path)


def test_two_files_of_one_name_in_two_spellings_are_both_kept(tmp_path: Path) -> None:
    photo(tmp_path / "in/wood/a.jpg", 1)
    photo(tmp_path / "in/Wood/a.jpg", 2)
    photo(tmp_path / "in/WOOD/a.jpg", 2)
    done = imported(tmp_path / "in", tmp_path / "store")
    assert len({line.image_path for line in done.lines}) == 3
    assert [len(same) for same in done.duplicates] == [2]


def test_lists_of_the_original_are_imported(kaggle: Path, tmp_path: Path) -> None:
    lines = [{"image_path": "wood\\tree2.png", "target": 4}, {"image_path": "background/background_1.jpg", "target": 0}]
    (tmp_path / "monday.json").write_text("\n".join(map(json.dumps, lines)))
    done = import_images(kaggle, read_entries(tmp_path / "monday.json"), tmp_path / "store", "monday", LIMITS)
    assert [(line.image_path, line.target) for line in done.lines] == [
        ("monday/wood/tree2.png", 4), ("monday/background/background_1.jpg", 0)]


def test_images_that_cannot_be_used_are_listed_and_left_out_only_on_request(kaggle: Path, tmp_path: Path) -> None:
    (kaggle / "wood/cut.jpg").write_bytes((kaggle / "wood/tree2.png").read_bytes()[:300])
    photo(kaggle / "sand/a.jpg", 9)
    told: list[object] = []
    with pytest.raises(CargostreamError, match="2 of 8 images cannot be used"):
        imported(kaggle, tmp_path / "store", report=told.append)
    assert [each.path for each in told] == ["wood/cut.jpg", "sand/a.jpg"]
    assert not list((tmp_path / "store").glob("*mine*"))
    assert imported(kaggle, tmp_path / "store", skip=True).unreadable == told


def test_a_list_is_held_to_what_it_says(kaggle: Path, tmp_path: Path) -> None:
    path = "wood/tree2.png"
    lines = [{"image_path": path, "target": 4, "sha256": "0" * 64}, {"image_path": path, "target": 9},
             {"image_path": path}, {"image_path": "wood/none.png", "target": 4}]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    told: list[tuple[str, str]] = []
    with pytest.raises(CargostreamError, match="4 of 4"):
        import_images(kaggle, read_entries(tmp_path / "list.jsonl"), tmp_path / "store", "x", LIMITS,
                      report=told.append)
    reasons = [each[1] for each in told]
    assert reasons[0] == "not the image that the list describes"
    assert reasons[1] == "of an unknown class 9"
    assert reasons[3].startswith("file_not_found")


def test_a_set_is_never_replaced(kaggle: Path, tmp_path: Path) -> None:
    before = imported(kaggle, tmp_path / "store").listing.read_bytes()
    with pytest.raises(UsageError, match=r"a set mine in .* already"):
        imported(kaggle, tmp_path / "store")
    assert (tmp_path / "store/mine.jsonl").read_bytes() == before
    (tmp_path / "store/other").mkdir()
    with pytest.raises(CargostreamError, match="belongs to no list"):
        imported(kaggle, tmp_path / "store", "other")
    assert not (tmp_path / "store/other.jsonl").exists()


def test_a_crash_leaves_no_set_and_does_not_stand_in_the_way(kaggle: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(BaseException):
        pass

    calls: list[object] = []

    def crash(file: Path, to: Path) -> str:
        calls.append(file)
        if len(calls) == 3:
            raise Crash
        return link(file, to)

    link = module._link_or_copy  # noqa: SLF001
    monkeypatch.setattr(module, "_link_or_copy", crash)
    with pytest.raises(Crash):
        imported(kaggle, tmp_path / "store")
    assert not list((tmp_path / "store").glob("*mine*"))
    (tmp_path / "store/.mine.partial/wood").mkdir(parents=True)  # as a killed process would leave it
    assert len(imported(kaggle, tmp_path / "store").lines) == 6


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x.corruptions"])
def test_a_name_that_cannot_be_one_is_a_wrong_word(name: str, kaggle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a set"):
        imported(kaggle, tmp_path / "store", name)


def test_a_folder_without_class_folders_is_told(tmp_path: Path) -> None:
    photo(tmp_path / "sand/a.jpg", 1)
    with pytest.raises(CargostreamError, match="no folder named after a class: background, brick"):
        entries_of_folder(tmp_path)


def test_an_imported_tuesday_is_taken_for_what_it_is(kaggle: Path, tmp_path: Path) -> None:
    listing = imported(kaggle, tmp_path / "store", "tuesday").listing
    assert ensure_set(tmp_path / "store", "tuesday", sets=SETS) == listing
