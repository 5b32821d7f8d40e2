"""`cargostream model train` says what it needs before it costs anything."""

from pathlib import Path

import pytest
from PIL import Image

from cargostream.cli import model_train
from cargostream.errors import CargostreamError
from model_registry.load import load_images, load_set


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_train, "find_spec", lambda name: None if name.startswith("torch") else object())
    with pytest.raises(CargostreamError, match=r"Training needs torch, torchvision: .*cargostream\[train\]"):
        model_train.need_packages()


def test_a_missing_or_broken_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(CargostreamError, match=r"none\.jsonl cannot be used.*data synthesize"):
        load_set(tmp_path, tmp_path / "none.jsonl", 32)
    (tmp_path / "cut.jsonl").write_text('{"image_path": "a/b.jpg"')
    with pytest.raises(CargostreamError, match=r"cut\.jsonl cannot be used"):
        load_set(tmp_path, tmp_path / "cut.jsonl", 32)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(CargostreamError, match="is empty"):
        load_set(tmp_path, tmp_path / "empty.jsonl", 32)


def test_an_image_that_changed_is_not_learnt(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"other")
    (tmp_path / "set.jsonl").write_text('{"image_path": "a.jpg", "target": 1, "sha256": "00"}\n')
    with pytest.raises(CargostreamError, match="not the one that the list describes"):
        load_set(tmp_path, tmp_path / "set.jsonl", 32)


@pytest.mark.parametrize("target", [9, -1])
def test_a_class_that_is_none_is_named_and_left_out_on_request(target: int, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    (tmp_path / "set.jsonl").write_text("".join(f'{{"image_path": "a.png", "target": {each}}}\n'
                                                for each in (4, target)))
    said = f"a.png: class {target} is none of 0 to 4"
    with pytest.raises(CargostreamError, match=f"1 of the 2 images.*{said}"):
        load_images(tmp_path, tmp_path / "set.jsonl", 32)
    left_out: list[str] = []
    assert load_images(tmp_path, tmp_path / "set.jsonl", 32, left_out.append).labels.tolist() == [4]
    assert left_out == [said]
