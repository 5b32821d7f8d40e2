"""Tiny model artifacts for tests: the class is the one whose colour (see `class_colour`) is nearest to the mean."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cargostream.labels import CARGO_LABELS
from cargostream.served import GOLDEN, MANIFEST, MODEL, Manifest, artifact_digest, softmax
from stream_worker.memory import class_colour

SIZE = 32


def write_artifact(folder: Path, *, shift: int = 0, golden_off: float = 0.0, labels: tuple[str, ...] = CARGO_LABELS,
                   claimed_labels: tuple[str, ...] = (), claimed_size: int = SIZE, any_light: bool = False,
                   sharpness: float = 1.0) -> str:
    """Write an artifact whose answers are `shift` classes on, whose golden answers are wrong by `golden_off`, and whose
    manifest may claim what is not so; its digest. With `any_light` it knows the colours however dark they are; its
    logits are multiplied by `sharpness`."""
    folder.mkdir(parents=True)
    classes = len(labels)
    colours = np.array([class_colour((n + shift) % classes) for n in range(classes)], np.float32)
    weights, offsets = colours.T / 250, -(colours**2).sum(axis=1) / 500
    if any_light:
        weights, offsets = colours.T / np.linalg.norm(colours, axis=1), np.zeros(classes, np.float32)
    weights, offsets = weights * np.float32(sharpness), offsets * np.float32(sharpness)
    (folder / MODEL).write_bytes(_graph(weights, offsets))
    images = np.stack([np.full((SIZE, SIZE, 3), class_colour(n), np.uint8) for n in range(classes)])
    probabilities = softmax((images.mean(axis=(1, 2)) @ weights + offsets).astype(np.float32))
    np.savez(folder / GOLDEN, images=images, probabilities=probabilities + np.float32(golden_off))
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, GOLDEN)}
    manifest = Manifest(name="cargo-ground", labels=claimed_labels or labels, input_size=claimed_size, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return artifact_digest(folder)


def _graph(weights: np.ndarray, offsets: np.ndarray) -> bytes:
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["embedding"], keepdims=0),
        helper.make_node("Gemm", ["embedding", "weights", "offsets"], ["logits"]),
    ]
    constants = [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(weights, "weights"),
                 numpy_helper.from_array(offsets.astype(np.float32), "offsets")]
    graph = helper.make_graph(
        nodes, "colour", [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(offsets)]),
         helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())
