"""Tiny model artifacts for tests: the class is the one whose colour (see `class_colour`) is nearest to the mean."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from cargostream.labels import CARGO_LABELS
from cargostream.served import GOLDEN, MANIFEST, MODEL, Manifest, artifact_digest, softmax
from stream_worker.memory import class_colour

SIZE = 32


def write_artifact(folder: Path, *, shift: int = 0, golden_off: float = 0.0, labels: tuple[str, ...] = CARGO_LABELS,
                   claimed_labels: tuple[str, ...] = (), claimed_size: int = SIZE, any_light: bool = False,
                   sharpness: float = 1.0, on_black: str = "", of_floats: bool = False) -> str:
    """Write an artifact whose answers are `shift` classes on, whose golden answers are wrong by `golden_off`, and whose
    manifest may claim what is not so; its digest. With `any_light` it knows the colours however dark they are; its
    logits are multiplied by `sharpness`. Where an image is black it may answer "nan", "raise" or "hang"; it may want
    images `of_floats`."""
    folder.mkdir(parents=True)
    classes = len(labels)
    colours = np.array([class_colour((n + shift) % classes) for n in range(classes)], np.float32)
    weights, offsets = colours.T / 250, -(colours**2).sum(axis=1) / 500
    if any_light:
        weights, offsets = colours.T / np.linalg.norm(colours, axis=1), np.zeros(classes, np.float32)
    weights, offsets = weights * np.float32(sharpness), offsets * np.float32(sharpness)
    (folder / MODEL).write_bytes(_graph(weights, offsets, ON_BLACK[on_black],
                                        TensorProto.FLOAT if of_floats else TensorProto.UINT8))
    images = np.stack([np.full((SIZE, SIZE, 3), class_colour(n), np.uint8) for n in range(classes)])
    probabilities = softmax((images.mean(axis=(1, 2)) @ weights + offsets).astype(np.float32))
    np.savez(folder / GOLDEN, images=images, probabilities=probabilities + np.float32(golden_off))
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, GOLDEN)}
    manifest = Manifest(name="cargo-ground", labels=claimed_labels or labels, input_size=claimed_size, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return artifact_digest(folder)


def _graph(weights: np.ndarray, offsets: np.ndarray, faults: Sequence[NodeProto], pixels: int) -> bytes:
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["embedding"], keepdims=0),
        helper.make_node("Gemm", ["embedding", "weights", "offsets"], ["plain"]),
        helper.make_node("ReduceSum", ["embedding"], ["light"], keepdims=0),
        *faults,
        helper.make_node("Add", ["plain", "fault"], ["logits"]),
    ]
    constants = [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(weights, "weights"),
                 numpy_helper.from_array(offsets.astype(np.float32), "offsets"),
                 numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
                 numpy_helper.from_array(np.array(0.5, np.float32), "dark"),
                 numpy_helper.from_array(np.array(2**60, np.int64), "for ever"),
                 numpy_helper.from_array(np.array(True), "true")]
    graph = helper.make_graph(
        nodes, "colour", [helper.make_tensor_value_info("image", pixels, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(offsets)]),
         helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def _body() -> GraphProto:
    """Of a loop that changes nothing."""
    return helper.make_graph(
        [helper.make_node("Identity", ["go on"], ["goes on"]), helper.make_node("Identity", ["value"], ["same"])],
        "body",
        [helper.make_tensor_value_info("turn", TensorProto.INT64, []),
         helper.make_tensor_value_info("go on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("value", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("goes on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("same", TensorProto.FLOAT, [1])])


_IS_BLACK = [helper.make_node("Less", ["light", "dark"], ["black"]),
             helper.make_node("Cast", ["black"], ["how often"], to=TensorProto.INT64),
             helper.make_node("Mul", ["how often", "for ever"], ["times"])]
ON_BLACK: dict[str, list[NodeProto]] = {
    "": [helper.make_node("Identity", ["zero"], ["fault"])],
    "nan": [helper.make_node("Log", ["light"], ["log"]), helper.make_node("Mul", ["log", "zero"], ["fault"])],
    "raise": [*_IS_BLACK, helper.make_node("Gather", ["zero", "times"], ["fault"])],
    "hang": [*_IS_BLACK, helper.make_node("Loop", ["times", "true", "zero"], ["fault"], body=_body())],
}
"""What is added to the logits, by what shall happen where an image is black: always 0 elsewhere."""
