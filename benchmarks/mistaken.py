"""A second model that costs no training: the one that ships, with every answer one class off."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import numpy_helper

from cargostream.reference import REFERENCE, read_reference, write_reference
from cargostream.served import GOLDEN, MANIFEST, MODEL, open_model, read_manifest
from cargostream.settings import CLONE

STARTER = CLONE / "model_registry" / "starter"
WEIGHTS = "weights.npz"
HEAD = ("classifier.1.weight", "classifier.1.bias")


def write_mistaken(folder: Path) -> Path:
    """Write the artifact into `folder`, which is made; it passes every check of serving and can be trained on."""
    shutil.copytree(STARTER, folder)
    graph = onnx.load(folder / MODEL)
    for initializer in graph.graph.initializer:
        if initializer.name in HEAD:
            initializer.CopyFrom(numpy_helper.from_array(np.roll(numpy_helper.to_array(initializer), 1, axis=0),
                                                         initializer.name))
    onnx.save(graph, folder / MODEL)
    with np.load(folder / WEIGHTS) as weights:
        np.savez(folder / WEIGHTS, **{name: np.roll(value, 1, axis=0) if name in HEAD else value
                                      for name, value in weights.items()})
    with np.load(folder / GOLDEN) as golden:
        np.savez(folder / GOLDEN, images=golden["images"], probabilities=np.roll(golden["probabilities"], 1, axis=1))
    reference = read_reference((folder / REFERENCE).read_bytes())
    (folder / REFERENCE).write_bytes(write_reference(replace(
        reference, probabilities=np.roll(reference.probabilities, 1, axis=1))))
    manifest = read_manifest(folder)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest.files}
    (folder / MANIFEST).write_bytes(msgspec.json.encode(
        msgspec.structs.replace(manifest, name="mistaken", files=files)))
    open_model(folder)
    return folder
