"""From a trained network to an artifact folder that `cargostream.served.open_model` takes."""

import hashlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch

from cargostream.reference import REFERENCE, Reference, write_reference
from cargostream.served import GOLDEN, MANIFEST, MODEL, Manifest, ServedModel, open_model, read_manifest, softmax
from model_registry.network import GroundNet
from model_registry.weights import WEIGHTS, write_weights


def export(network: GroundNet, folder: Path, *, name: str, labels: tuple[str, ...],
           golden: npt.NDArray[np.uint8], training: dict[str, Any]) -> None:
    """Write the artifact of a network into `folder`, which must not exist; it appears complete or not at all.

    Raises:
        ModelRefused: the exported graph does not do what the network does.
    """
    with new_folder(folder) as partial:
        write_artifact(network, partial, name=name, labels=labels, golden=golden, training=training)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the name `folder` at the end, if nothing was raised; else nothing is left of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        partial = Path(temporary) / folder.name
        partial.mkdir()
        yield partial
        partial.rename(folder)


def write_artifact(network: GroundNet, folder: Path, *, name: str, labels: tuple[str, ...],
                   golden: npt.NDArray[np.uint8], training: dict[str, Any],
                   reference: Reference | None = None) -> ServedModel:
    """Write an artifact into an empty folder and open it as serving does.

    The golden answers to `golden`, uint8 (n, size, size, 3), are torch's, so that a graph that was translated wrongly
    does not open.

    Raises:
        ModelRefused: the exported graph does not do what the network does.
    """
    network = network.float().eval()
    with torch.inference_mode():
        probabilities = softmax(network(torch.from_numpy(golden))[0].numpy())
    _write_graph(network, golden.shape[1], folder / MODEL)
    np.savez_compressed(folder / GOLDEN, images=golden, probabilities=probabilities)
    (folder / WEIGHTS).write_bytes(write_weights(network))
    if reference is not None:
        (folder / REFERENCE).write_bytes(write_reference(reference))
    write_manifest(folder, Manifest(
        name=name, labels=labels, input_size=golden.shape[1], training=training,
        files={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}))
    return open_model(folder)


def add_evaluation(folder: Path, figures: dict[str, float]) -> None:
    """Put figures into the manifest of an artifact that is being made: they change its digest."""
    write_manifest(folder, msgspec.structs.replace(read_manifest(folder), evaluation=figures))


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
