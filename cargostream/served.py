"""The served model: an artifact folder, checked, and then asked about one image at a time.

An artifact is a folder, and its digest is that of the manifest, which holds the other files' digests:

    manifest.json   what the model is: see `Manifest`
    model.onnx      input `image` uint8 [N, size, size, 3]; outputs `logits` float32 [N, classes] and
                    `embedding` float32 [N, any]; whatever normalisation the model wants is inside the graph, and
                    so is the temperature that makes its probabilities honest
    golden.npz      `images` uint8 [n, size, size, 3] and the `probabilities` float32 [n, classes] they gave at export
    reference.npz   what its inputs and outputs look like on days that it knows, see `cargostream.reference`; may lack
    weights.npz     what training can go on from; may lack, and is not needed to serve

Who promotes a model and who serves it open it by the same function, so that what passed one passes the other.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from cargostream.arrays import BadArrays, read_arrays
from cargostream.errors import ModelRefused, RejectCode, Rejection
from cargostream.reference import REFERENCE, Reference, embedding_distance, read_reference

if TYPE_CHECKING:
    import onnxruntime

MANIFEST, MODEL, GOLDEN = "manifest.json", "model.onnx", "golden.npz"

SERVING = (MANIFEST, MODEL, GOLDEN, REFERENCE)
"""The files that serving needs; the last may lack."""

GOLDEN_TOLERANCE = 1e-3
"""How far a golden probability may be off: other processors round otherwise (some 1e-6), a wrong graph is far off."""

ENGINE = "onnxruntime-fp32"

SILENT = 4
"""The runtime's log level from which on it writes nothing but its own end. What fails is raised; what it writes beside
that goes past the log, in colours and with the model's words."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact says about itself.

    `files` maps the other files' names to their SHA-256 in hex. `training` and `evaluation` are for people and for
    the registry (the command, seeds and digests of sets; figures by name); nothing that serves reads them.
    """

    name: str
    labels: tuple[str, ...]
    input_size: int
    files: dict[str, str]
    training: dict[str, Any] = {}
    evaluation: dict[str, float] = {}


class Answer(NamedTuple):
    """What a model says about an image: probabilities float32 (classes,), and how far its embedding is from all that
    the model learnt from (see `cargostream.reference.embedding_distance`; None without a reference)."""

    probabilities: npt.NDArray[np.float32]
    embedding_distance: float | None = None


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that passed every check of `open_model`. Safe to use from several threads at once."""

    name: str
    version: int
    labels: tuple[str, ...]
    input_size: int
    digest: str
    session: "onnxruntime.InferenceSession"
    reference: Reference | None = None
    engine: str = ENGINE

    def predict(self, image: npt.NDArray[np.uint8]) -> Answer:
        """The answer to one image, uint8 (input_size, input_size, 3), RGB.

        Raises:
            Rejection: `model_error`, when the model fails on it or its answer is not a number.
        """
        try:
            logits, embedding = (np.asarray(output)[0] for output in self.session.run(
                ["logits", "embedding"], {"image": image[np.newaxis]}))
            far = None if self.reference is None else embedding_distance(self.reference.centroids, embedding)
        except Exception as error:  # whatever onnxruntime raises is this image's answer, not the worker's end
            raise Rejection(RejectCode.MODEL_ERROR, f"model {self.name} failed: {first_line(error)}") from error
        if not (np.isfinite(logits).all() and np.isfinite(embedding).all()):
            raise Rejection(RejectCode.MODEL_ERROR, f"model {self.name} answered with a value that is no number")
        return Answer(softmax(logits), far)


def open_model(folder: Path, threads: int = 1, *, version: int = 0, digest: str | None = None,
               labels: tuple[str, ...] | None = None) -> ServedModel:
    """Open the artifact in `folder`, on `threads` threads per prediction, and check that it does what it says.

    `version` is the registry's number for it; `digest` and `labels`, when given, are what the artifact's must be.

    Raises:
        ModelRefused: a file is missing, cut or changed, inputs, outputs or classes are not as stated, or the golden
            images get other answers than at export.
    """
    manifest, found = _identified(folder, digest)
    if labels is not None and manifest.labels != labels:
        raise ModelRefused(f"The model in {folder} has the labels {list(manifest.labels)}, not {list(labels)}.")
    # The bytes that were checked are the bytes that are loaded: the file is not opened a second time.
    session = _session(folder, _checked(folder, manifest, MODEL), threads)
    _check_shapes(folder, manifest, session)
    reference = _reference(folder, manifest)
    model = ServedModel(manifest.name, version, manifest.labels, manifest.input_size, found, session, reference)
    _check_golden(folder, model, _checked(folder, manifest, GOLDEN))
    return model


def open_reference(folder: Path, digest: str | None = None) -> tuple[Manifest, Reference | None]:
    """What the artifact in `folder` says about itself, and its reference if it has one; the model stays closed.

    Raises:
        ModelRefused: as for `open_model`, as far as these files go.
    """
    manifest, _ = _identified(folder, digest)
    return manifest, _reference(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the artifact in `folder`. Raises ModelRefused if there is none or it makes no sense."""
    return _parse(folder, _read(folder, MANIFEST))


def artifact_digest(folder: Path) -> str:
    """SHA-256 of the manifest in hex, which stands for the whole artifact. Raises ModelRefused if there is none."""
    return hashlib.sha256(_read(folder, MANIFEST)).hexdigest()


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probabilities over the last axis, float32; added up in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def first_line(error: BaseException) -> str:
    """The first line of an error's message; onnxruntime's go on for pages."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ModelRefused(f"The model in {folder} cannot be read: {name}: {error.strerror}.") from error


def _identified(folder: Path, digest: str | None) -> tuple[Manifest, str]:
    data = _read(folder, MANIFEST)
    found = hashlib.sha256(data).hexdigest()
    if digest is not None and digest != found:
        raise ModelRefused(f"The model in {folder} has the digest {found[:12]}, the registry says {digest[:12]}.")
    return _parse(folder, data), found


def _reference(folder: Path, manifest: Manifest) -> Reference | None:
    if REFERENCE not in manifest.files:
        return None
    return read_reference(_checked(folder, manifest, REFERENCE), len(manifest.labels))


def _parse(folder: Path, data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise ModelRefused(f"The model in {folder} has an unusable {MANIFEST}: {error}.") from error
    if len(manifest.labels) < 2 or len(set(manifest.labels)) < len(manifest.labels):
        raise ModelRefused(f"The model in {folder} needs two or more different labels, not {list(manifest.labels)}.")
    return manifest


def _checked(folder: Path, manifest: Manifest, name: str) -> bytes:
    data = _read(folder, name)
    if hashlib.sha256(data).hexdigest() != manifest.files.get(name):
        raise ModelRefused(f"The model in {folder} is damaged: {name} is not the file that {MANIFEST} describes.")
    return data


def _session(folder: Path, data: bytes, threads: int) -> "onnxruntime.InferenceSession":
    # Here, because it takes a quarter of a second and 25 MB, which those who only read manifests need not spend.
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(SILENT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait for work would take the core from whatever else runs on it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A graph may name files that its weights are in, and would be given any that lies below the working folder. Below
    # this there can be none.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen error types without a common base
        raise ModelRefused(f"The model in {folder} cannot be loaded: {first_line(error)}") from error


def _check_shapes(folder: Path, manifest: Manifest, session: "onnxruntime.InferenceSession") -> None:
    size, classes = manifest.input_size, len(manifest.labels)
    inputs = {node.name: (node.type, node.shape[1:]) for node in session.get_inputs()}
    outputs = {node.name: (node.type, node.shape[1:]) for node in session.get_outputs()}
    if inputs != {"image": ("tensor(uint8)", [size, size, 3])}:
        raise ModelRefused(f"The model in {folder} takes {inputs}, not one uint8 image of {size}x{size}x3.")
    if outputs.get("logits") != ("tensor(float)", [classes]) or "embedding" not in outputs:
        raise ModelRefused(f"The model in {folder} gives {outputs}, not an embedding and logits for {classes} classes.")


def _check_golden(folder: Path, model: ServedModel, data: bytes) -> None:
    shape, classes = (model.input_size, model.input_size, 3), len(model.labels)
    try:
        golden = read_arrays(data, ("images", "probabilities"))
    except BadArrays as error:
        raise ModelRefused(f"The model in {folder} has an unusable {GOLDEN}: {error}") from error
    images, expected = golden["images"], golden["probabilities"]
    if images.ndim != 4 or not len(images) or images.shape[1:] != shape or expected.shape != (len(images), classes):
        raise ModelRefused(f"The model in {folder} has golden images of another shape than it takes.")
    if images.dtype != np.uint8 or expected.dtype.kind != "f":
        raise ModelRefused(f"The model in {folder} has golden images or answers of another type than it should.")
    for number, image in enumerate(images):
        try:
            off = float(np.abs(model.predict(image).probabilities - expected[number]).max())
        except Rejection as error:
            raise ModelRefused(f"The model in {folder} fails on golden image {number}: {error.detail}.") from error
        if not off <= GOLDEN_TOLERANCE:
            raise ModelRefused(f"The model in {folder} answers otherwise than at export: golden image {number} is "
                               f"off by {off:.4f}.")
