"""Embeddings come from our own sort of model and from CLIP's; anything else is told what it lacks."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from cargostream.errors import CargostreamError, UsageError
from cargostream.served import MODEL
from model_registry.embed import DEVIATION, MEAN, USUAL_SIZE, open_embedder
from tests.support.artifacts import SIZE, write_artifact


def channel_means(file: Path, shape: list[int | str], *more: str, output: str = "image_embeds") -> Path:
    """A model whose embedding is the mean of each channel of float images; `more` are inputs that it does not use."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixel_values", "axes"], [output], keepdims=0)], "means",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape),
         *(helper.make_tensor_value_info(name, TensorProto.INT64, ["n", 7]) for name in more)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array([2, 3]), "axes")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    file.write_bytes(model.SerializeToString())
    return file


def test_our_own_artifacts_embed_bytes(tmp_path: Path) -> None:
    write_artifact(tmp_path / "model")
    embedder = open_embedder(tmp_path / "model" / MODEL)
    images = np.stack([np.full((SIZE, SIZE, 3), shade, np.uint8) for shade in range(70)])
    assert embedder.size == SIZE
    assert embedder.embed(images)[:, 0].tolist() == list(range(70))


@pytest.mark.parametrize(("n", "side"), [("n", 64), (1, 64), ("n", "height")])
def test_clip_gets_its_normalisation(tmp_path: Path, n: int | str, side: int | str) -> None:
    embedder = open_embedder(channel_means(tmp_path / "clip.onnx", [n, 3, side, side if side == 64 else "width"]))
    assert embedder.size == (side if side == 64 else USUAL_SIZE)
    images = np.full((2, embedder.size, embedder.size, 3), (255, 0, 51), np.uint8)
    expected = (np.array([1, 0, 0.2]) - MEAN) / DEVIATION
    np.testing.assert_allclose(embedder.embed(images), [expected, expected], rtol=1e-4)


def test_models_of_another_sort_are_refused(tmp_path: Path) -> None:
    for words in (([1, 3, 64, 32],), (["n", 64, 64, 3],), (["n", 3, 64, 64], "input_ids")):
        file = channel_means(tmp_path / "other.onnx", *words)
        with pytest.raises(UsageError, match=r"takes pixel_values .* it has to take images alone"):
            open_embedder(file)
    (tmp_path / "none.onnx").write_bytes(b"no graph")
    with pytest.raises(CargostreamError, match="cannot be loaded"):
        open_embedder(tmp_path / "none.onnx")
