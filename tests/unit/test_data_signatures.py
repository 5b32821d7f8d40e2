"""Signatures: each kind of damage moves the image statistics where people would expect it to."""

from pathlib import Path

import numpy as np
import pytest

from cargostream.errors import CargostreamError
from data_prepare.corrupt import KINDS
from data_prepare.photograph import photograph
from data_prepare.sets import SETS, ensure_set
from data_prepare.signatures import signatures, signatures_of
from data_prepare.spoil import read_pixels

BRIGHTNESS, CONTRAST, SHARPNESS, SATURATED = range(4)


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    images = [read_pixels(photograph(kind, np.random.default_rng(seed)))[0]
              for kind in ("brick", "wood", "ground") for seed in range(8)]
    return signatures(images, seed=1)


def test_every_kind_has_one(found: dict[str, np.ndarray]) -> None:
    assert list(found) == [*KINDS, "mixed"]
    for vector in found.values():
        assert vector.shape == (8,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()


@pytest.mark.parametrize(("kind", "statistic", "sign"), [
    ("low_light", BRIGHTNESS, -1), ("over_exposure", BRIGHTNESS, 1), ("over_exposure", SATURATED, 1),
    ("random_boxes", BRIGHTNESS, 1), ("random_line", BRIGHTNESS, -1), ("fog", CONTRAST, -1), ("noise", SHARPNESS, 1),
    ("blur", SHARPNESS, -1), ("fog", SHARPNESS, -1), ("random_line", SATURATED, 1)])
def test_a_kind_moves_what_it_should(kind: str, statistic: int, sign: int, found: dict[str, np.ndarray]) -> None:
    assert sign * found[kind][statistic] > 0.3
    assert abs(found["mosaic"][BRIGHTNESS]) < 0.05  # and a kind that does not touch the light leaves it


def test_a_set_gives_the_same_figures_each_time(tmp_path: Path) -> None:
    few = {"monday": SETS["monday"]._replace(counts=(2, 2, 2, 2, 2))}
    listing = ensure_set(tmp_path, "monday", sets=few)
    names, vectors = signatures_of(tmp_path, listing, limit=8, seed=4, size=32)
    assert names == [*KINDS, "mixed"]
    assert (vectors.shape, vectors.dtype) == ((len(names), 8), np.float32)
    assert (vectors == signatures_of(tmp_path, listing, limit=8, seed=4, size=32)[1]).all()


def test_what_a_model_would_refuse_is_left_out_on_request_and_digests_are_not_needed(tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(photograph("wood", np.random.default_rng(seed)))
    (tmp_path / "text.jpg").write_bytes(b"<html>")
    for name, files in (("sound", "012"), ("mixed", ("0", "1", "2", "text", "gone"))):
        (tmp_path / f"{name}.jsonl").write_text("".join(f'{{"image_path": "{each}.jpg"}}\n' for each in files))
    with pytest.raises(CargostreamError, match="cannot be read"):
        signatures_of(tmp_path, tmp_path / "mixed.jsonl", size=32)
    sound, skipped = (signatures_of(tmp_path, tmp_path / f"{name}.jsonl", size=32, skip=True)[1]
                      for name in ("sound", "mixed"))
    assert np.array_equal(sound, skipped)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    line = '{"image_path": "a.jpg", "target": 0, "sha256": ""}\n'
    (tmp_path / "one.jsonl").write_text(line)
    with pytest.raises(CargostreamError, match="fewer than two images"):
        signatures_of(tmp_path, tmp_path / "one.jsonl", skip=True)
    (tmp_path / "two.jsonl").write_text(2 * line)
    with pytest.raises(CargostreamError, match=r"a\.jpg cannot be read"):
        signatures_of(tmp_path, tmp_path / "two.jsonl")
