"""A model artifact that is damaged, or is not what it says, is refused; one that is right answers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cargostream.errors import ModelRefused, RejectCode, Rejection
from cargostream.reference import REFERENCE
from cargostream.served import GOLDEN, MANIFEST, MODEL, Manifest, artifact_digest, open_model, read_manifest, softmax
from tests.support.artifacts import write_artifact

STARTER = Path(__file__).resolve().parents[2] / "model_registry" / "starter"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A copy of the model that ships, to spoil."""
    return shutil.copytree(STARTER, tmp_path / "artifact")


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_it_answers_with_probabilities_of_its_labels() -> None:
    model = open_model(STARTER, threads=1, version=7)
    image = np.full((model.input_size, model.input_size, 3), 128, np.uint8)
    probabilities = model.predict(image).probabilities
    assert probabilities.shape == (len(model.labels),)
    assert probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (model.version, model.engine) == (7, "onnxruntime-fp32")
    assert model.digest == artifact_digest(STARTER)


@pytest.mark.parametrize("image", [
    np.zeros((5, 5, 3), np.uint8), np.zeros((128, 128, 3), np.float32), np.zeros((128, 128), np.uint8)])
def test_an_image_that_the_model_cannot_take_is_that_images_answer(image: np.ndarray) -> None:
    with pytest.raises(Rejection) as caught:
        open_model(STARTER).predict(image)
    assert caught.value.code is RejectCode.MODEL_ERROR


@pytest.mark.parametrize("name", [MANIFEST, MODEL, GOLDEN])
def test_a_missing_file_is_refused(artifact: Path, name: str) -> None:
    (artifact / name).unlink()
    with pytest.raises(ModelRefused, match=name):
        open_model(artifact)


@pytest.mark.parametrize("name", [MODEL, GOLDEN])
def test_a_changed_byte_is_refused(artifact: Path, name: str) -> None:
    data = bytearray((artifact / name).read_bytes())
    data[len(data) // 2] ^= 1
    (artifact / name).write_bytes(data)
    with pytest.raises(ModelRefused, match="damaged"):
        open_model(artifact)


def test_a_cut_manifest_is_refused(artifact: Path) -> None:
    (artifact / MANIFEST).write_bytes((artifact / MANIFEST).read_bytes()[:50])
    with pytest.raises(ModelRefused, match="unusable"):
        open_model(artifact)


def test_another_digest_than_the_registrys_is_refused() -> None:
    open_model(STARTER, digest=artifact_digest(STARTER))
    with pytest.raises(ModelRefused, match="the registry says 0000"):
        open_model(STARTER, digest="0" * 64)


@pytest.mark.parametrize(("change", "reason"), [
    ({"labels": ["a", "b", "c"]}, "classes"),
    ({"labels": ["a", "a", "b", "c", "d"]}, "different labels"),
    ({"labels": ["only"]}, "different labels"),
    ({"input_size": 96}, "96x96x3"),
])
def test_a_manifest_that_the_graph_contradicts_is_refused(artifact: Path, change: dict[str, object],
                                                          reason: str) -> None:
    edit(artifact, **change)
    with pytest.raises(ModelRefused, match=reason):
        open_model(artifact)


def reseal(folder: Path, name: str, data: bytes) -> None:
    """Put `data` in place of a file, with a manifest that vouches for it."""
    import hashlib

    (folder / name).write_bytes(data)
    edit(folder, files=read_manifest(folder).files | {name: hashlib.sha256(data).hexdigest()})


def test_something_else_than_onnx_is_refused(artifact: Path) -> None:
    reseal(artifact, MODEL, b"not a graph")
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        open_model(artifact)


def test_pickles_are_not_opened(artifact: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", images=np.array([{"a": 1}], dtype=object), probabilities=np.zeros((1, 5)))
    reseal(artifact, GOLDEN, (tmp_path / "evil.npz").read_bytes())
    with pytest.raises(ModelRefused, match="unusable"):
        open_model(artifact)


def test_a_graph_gets_no_file_of_the_machine(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights may be said to lie in another file; one below the working folder would be read, whatever it is."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(artifact / MODEL)
    weights = max(graph.graph.initializer, key=lambda one: len(one.raw_data))
    (tmp_path / "a secret").write_bytes(weights.raw_data)
    content = {"location": "a secret", "offset": "0", "length": str(len(weights.raw_data))}
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in content.items():
        weights.external_data.add(key=key, value=value)
    reseal(artifact, MODEL, graph.SerializeToString())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        open_model(artifact)


@pytest.mark.parametrize("arrays", [
    {"images": np.zeros(7, np.uint8), "probabilities": np.zeros((7, 5), np.float32)},
    {"images": np.zeros((1, 128, 128, 3), np.float64), "probabilities": np.zeros((1, 5), np.float32)},
    {"images": np.zeros((1, 128, 128, 3), np.uint8), "probabilities": np.zeros((1, 5), "S3")},
    {"images": np.array(3), "probabilities": np.array(3)}, {"images": np.zeros(400_000_000, np.uint8)},
])
def test_golden_images_that_make_no_sense_are_refused(artifact: Path, tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez_compressed(tmp_path / "new.npz", **arrays)
    reseal(artifact, GOLDEN, (tmp_path / "new.npz").read_bytes())
    with pytest.raises(ModelRefused, match="golden"):
        open_model(artifact)


@pytest.mark.parametrize("spoil", ["other answers", "none", "not a number"])
def test_a_model_that_answers_otherwise_than_at_export_is_refused(artifact: Path, tmp_path: Path, spoil: str) -> None:
    with np.load(artifact / GOLDEN) as golden:
        images, probabilities = golden["images"], golden["probabilities"]
    if spoil == "none":
        images, probabilities = images[:0], probabilities[:0]
    else:
        probabilities = np.roll(probabilities, 1, axis=1) if spoil == "other answers" else probabilities * np.nan
    np.savez(tmp_path / "new.npz", images=images, probabilities=probabilities)
    reseal(artifact, GOLDEN, (tmp_path / "new.npz").read_bytes())
    with pytest.raises(ModelRefused, match="golden"):
        open_model(artifact)


def test_the_manifest_of_the_starter_is_complete() -> None:
    manifest = read_manifest(STARTER)
    assert isinstance(manifest, Manifest)
    assert set(manifest.files) == {MODEL, GOLDEN, REFERENCE, "weights.npz"}
    assert {"command", "seed"} <= set(manifest.training)


def test_softmax_stands_large_numbers() -> None:
    assert softmax(np.array([1000.0, 1000.0, -1000.0], np.float32)) == pytest.approx([0.5, 0.5, 0.0])


@pytest.mark.parametrize("code", [
    "from cargostream.served import open_model; model = open_model(folder);"
    "say(lambda: model.predict(np.zeros((32, 32, 3), np.uint8)))",
    "from model_registry.embed import open_embedder; embedder = open_embedder(folder / 'model.onnx');"
    "say(lambda: embedder.embed(np.zeros((2, 32, 32, 3), np.uint8)))",
])
def test_a_model_that_raises_writes_nothing_of_its_own(tmp_path: Path, code: str) -> None:
    """Its process's standard error is a log of JSON lines, and the runtime would write coloured text into it."""
    write_artifact(tmp_path / "artifact", on_black="raise")
    say = ("import pathlib, sys, numpy as np\n"
           "folder = pathlib.Path(sys.argv[1])\n"
           "def say(run):\n"
           "    try:\n"
           "        run()\n"
           "    except Exception as error:\n"
           "        print('failed:', error)\n")
    done = subprocess.run([sys.executable, "-c", say + code, str(tmp_path / "artifact")], capture_output=True,
                          text=True, timeout=60, check=True)
    assert done.stdout.startswith("failed: ")
    assert done.stderr == ""
