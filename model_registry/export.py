"""From a trained network to an artifact folder that `cargostream.served.open_model` takes."""

import hashlib
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch

from cargostream.served import GOLDEN, MANIFEST, MODEL, Manifest, open_model, softmax
from model_registry.network import GroundNet


def export(network: GroundNet, folder: Path, *, name: str, labels: tuple[str, ...],
           golden: npt.NDArray[np.uint8], training: dict[str, Any]) -> None:
    """Write the artifact of a network into `folder`, which must not exist; it appears complete or not at all.

    The golden answers to `golden`, uint8 (n, size, size, 3), are torch's, so that a graph that was translated wrongly
    does not open.

    Raises:
        ModelRefused: the exported graph does not do what the network does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        partial = Path(temporary) / folder.name
        partial.mkdir()
        network = network.float().eval()
        with torch.inference_mode():
            probabilities = softmax(network(torch.from_numpy(golden))[0].numpy())
        _write_graph(network, golden.shape[1], partial / MODEL)
        np.savez_compressed(partial / GOLDEN, images=golden, probabilities=probabilities)
        write_manifest(partial, Manifest(
            name=name, labels=labels, input_size=golden.shape[1], training=training,
            files={file: hashlib.sha256((partial / file).read_bytes()).hexdigest() for file in (MODEL, GOLDEN)}))
        open_model(partial)
        partial.rename(folder)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into the artifact folder, for people as much as for programs."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


def _write_graph(network: GroundNet, size: int, file: Path) -> None:
    image = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's and onnxscript's own deprecations, none of ours
        torch.onnx.export(
            network, (image,), str(file), dynamo=True, external_data=False, verbose=False,
            input_names=["image"], output_names=["logits", "embedding"],
            dynamic_shapes={"image": {0: torch.export.Dim("n")}})
    onnx.save(_without_traces(onnx.load(file)), file)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """The exporter notes beside every node where in which file it came from: paths of the machine that trained."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
    return model
