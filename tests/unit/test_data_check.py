"""`data check` refuses what must not be learnt from, and says which image, which lists, which statistic, how far."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cargostream.errors import CargostreamError
from cargostream.images import make_store
from data_prepare import examine as module
from data_prepare.check import Limits, check, differences, overlaps
from data_prepare.examine import Examined, examine
from data_prepare.files import Limits as FileLimits
from data_prepare.lists import Entry, Listed, hashed, read_entries, write_lines
from data_prepare.photograph import photograph
from data_prepare.spoil import spoil

FILES = FileLimits(5_000_000, 50_000_000)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_processes", lambda work, calls: (work(*call) for call in calls))


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Write a set of one image for each class, the first number of which is `start`."""
    make_store(tmp_path)

    def make(name: str, start: int, classes: int = 5) -> Path:
        lines = []
        for target, kind in enumerate(("background", "brick", "concrete", "ground", "wood")[:classes]):
            data = photograph(kind, np.random.default_rng(start + target))
            (tmp_path / f"{name}-{target}.jpg").write_bytes(data)
            lines.append(Listed(f"{name}-{target}.jpg", target, hashlib.sha256(data).hexdigest()))
        write_lines(tmp_path / f"{name}.jsonl", lines)
        return tmp_path / f"{name}.jsonl"

    return make


def changed(listing: Path, number: int, **fields: object) -> None:
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    lines[number] |= fields
    listing.write_text("\n".join(map(json.dumps, lines)))


def test_a_sound_set_has_no_fault(made: Callable[..., Path], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = examine(tmp_path, made("a", 0), FILES, lambda done, total: seen.append((done, total)))
    assert (found.name, found.faults, found.statistics.shape, seen) == ("a", [], (5, 4), [(5, 5)])


@pytest.mark.parametrize(("fields", "said"), [
    ({"target": 7}, "a-1.jpg: class 7 is none of 0 to 4"), ({"target": None}, "a-1.jpg: class None"),
    ({"sha256": "0" * 64}, "a-1.jpg: not the image"), ({"sha256": None}, "a-1.jpg: no SHA-256"),
    ({"sha256": "ABC"}, "a-1.jpg: no SHA-256"), ({"image_path": "gone.jpg"}, "gone.jpg: file_not_found"),
    ({"image_path": "Ä/../x"}, "no path below"), ({"image_path": "a-2.jpg"}, "a-2.jpg: not the image")])
def test_a_line_that_is_off_is_named(fields: dict[str, object], said: str, made: Callable[..., Path],
                                     tmp_path: Path) -> None:
    listing = made("a", 0)
    changed(listing, 1, **fields)
    try:
        faults = examine(tmp_path, listing, FILES).faults
    except CargostreamError as error:
        faults = [str(error)]
    assert any(said in fault for fault in faults), faults


def test_a_damaged_file_and_a_missing_class_are_named(made: Callable[..., Path], tmp_path: Path) -> None:
    listing = made("a", 0, classes=4)
    (tmp_path / "a-0.jpg").write_bytes(b"cut")
    faults = examine(tmp_path, listing, FILES).faults
    assert len(faults) == 2
    assert faults[0].startswith("a-0.jpg: not the image")
    assert faults[1] == "class 4 (wood): no image"


def test_one_image_under_two_classes_is_a_fault(made: Callable[..., Path], tmp_path: Path) -> None:
    listing = made("a", 0)
    lines = listing.read_text().splitlines()
    again = json.dumps(json.loads(lines[1]) | {"target": 3})
    listing.write_text("\n".join([*lines, again]))
    assert examine(tmp_path, listing, FILES).faults == [
        "a-1.jpg: class 3, but the same image is a-1.jpg of class 1"]


def test_shared_images_are_found_by_digest_between_all_lists() -> None:
    def entries(name: str, digests: str) -> list[Entry]:
        return [Entry(f"{name}/{number}.jpg", 0, digest) for number, digest in enumerate(digests)]

    train, test, measured = entries("train", "abcd"), entries("test", "efg"), entries("measured", "xcd")
    assert overlaps([("train", train), ("test", test)], []) == []
    assert overlaps([("train", train), ("test", test)], [("measured", measured)]) == [
        "train and measured share 2 images, the first is train/2.jpg = measured/1.jpg"]
    assert len(overlaps([("train", train), ("copy", train)], [("measured", measured)])) == 3


def test_lists_without_digests_are_held_against_by_their_files(made: Callable[..., Path], tmp_path: Path) -> None:
    listing = made("a", 0)
    entries = read_entries(listing)
    for number in range(5):
        changed(listing, number, sha256=None)
    bare = read_entries(listing)
    assert overlaps([("a", entries)], [("bare", bare)]) == []
    assert overlaps([("a", entries)], [("bare", hashed(tmp_path, bare))]) == [
        "a and bare share 5 images, the first is a-0.jpg = a-0.jpg"]
    (tmp_path / "a-3.jpg").unlink()
    with pytest.raises(CargostreamError, match=r"no SHA-256 of .*a-3\.jpg, and the file cannot be read"):
        hashed(tmp_path, bare)


def some(counts: list[int], shift: float, seed: int, name: str = "some") -> Examined:
    entries = [Entry("x", target) for target, count in enumerate(counts) for _ in range(count)]
    statistics = np.random.default_rng(seed).normal(0.5, 0.1, (len(entries), 4))
    statistics[:, 0] += shift
    return Examined(name, entries, statistics, [])


def test_the_same_day_again_is_not_too_far() -> None:
    counts = [40, 140, 380, 230, 190]
    found, moved = check([some(counts, 0, 1)], [], some(counts, 0, 2), Limits())
    assert found == []
    assert [each.what for each in moved] == ["class mix", "brightness", "contrast", "sharpness", "saturated"]


def test_another_mix_and_another_light_are_too_far_and_it_says_by_how_much() -> None:
    found, _ = check([some([300, 140, 80, 230, 190], 0.2, 1)], [], some([40, 140, 380, 230, 190], 0, 2, "monday"),
                     Limits())
    assert len(found) == 2
    assert found[0].startswith("too far from monday: class mix: 0.319 0.149")
    assert found[1].startswith("too far from monday: brightness: 0.7")
    assert "> 0.100, p " in found[1]


def test_a_few_images_are_not_refused_for_what_chance_does() -> None:
    for seed in range(20):
        few = some([1, 1, 2, 1, 1], 0, seed)
        assert not any(each.moved for each in differences([few], some([40, 140, 380, 230, 190], 0, 99), Limits()))


def test_limits_are_what_decides() -> None:
    day, other = some([100] * 5, 0.05, 1), some([100] * 5, 0, 2)
    assert [each.moved for each in differences([day], other, Limits())] == [False, True, False, False, False]
    assert not any(each.moved for each in differences([day], other, Limits(shift=0.5)))


def test_spoiled_images_are_too_far(tmp_path: Path, made: Callable[..., Path]) -> None:
    make_store(tmp_path)
    lines: dict[str, list[Listed]] = {"clean": [], "dark": []}
    for seed in range(30):
        clean = photograph("wood", np.random.default_rng(seed))
        for name, data in (("clean", clean), ("dark", spoil(clean, "", "low_light", 3, 1)[0])):
            (tmp_path / f"{name}{seed}.jpg").write_bytes(data)
            lines[name].append(Listed(f"{name}{seed}.jpg", 4, hashlib.sha256(data).hexdigest()))
    for name, listed in lines.items():
        write_lines(tmp_path / f"{name}.jsonl", listed)
    clean, dark = (examine(tmp_path, tmp_path / f"{name}.jsonl", FILES) for name in lines)
    moved = {each.what for each in differences([dark], clean, Limits()) if each.moved}
    assert "brightness" in moved
    assert "class mix" not in moved
