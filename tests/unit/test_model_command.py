"""`cargostream model train` says what it needs before it costs anything."""

from pathlib import Path

import pytest

from cargostream.cli import model_train
from cargostream.errors import CargostreamError
from model_registry.load import load_set


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
