"""Embeddings of images by any ONNX model that gives them: the champion's, or CLIP's for instance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from cargostream.errors import CargostreamError, UsageError
from cargostream.served import SILENT, first_line

OUTPUTS = ("embedding", "image_embeds", "image_embeddings", "embeddings")
"""What embeddings are called by our own models and by the usual exports of CLIP, the first that is there counts; a
model's only output may have any name."""

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's normalisation of values 0..1 (Radford et al., arXiv 2103.00020)."""

USUAL_SIZE = 224
"""Of a model that takes images of any size."""

LOT = 32


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that was found fit to embed images of `size` x `size` pixels; `normalised` if it wants CLIP's floats,
    channels first, else bytes, channels last. It takes `lot` images at a time."""

    session: onnxruntime.InferenceSession
    input: str
    output: str
    size: int
    normalised: bool
    lot: int

    def embed(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embeddings float32 (n, E) of images uint8 (n, size, size, 3)."""
        lots = (self._prepared(images[start:start + self.lot]) for start in range(0, len(images), self.lot))
        found = [np.asarray(self.session.run([self.output], {self.input: lot})[0]) for lot in lots]
        embeddings: npt.NDArray[np.float32] = np.concatenate(found).astype(np.float32)
        return embeddings

    def _prepared(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        if not self.normalised:
            return images
        values = (images / 255 - np.array(MEAN)) / np.array(DEVIATION)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)


def open_embedder(file: Path) -> Embedder:
    """The model in an ONNX file, if it is one of two sorts: bytes (n, size, size, 3) as our own, or floats
    (n, 3, size, size), which get CLIP's normalisation.

    Raises:
        UsageError: it takes or gives something else.
        CargostreamError: it cannot be loaded.
    """
    onnxruntime.set_default_logger_severity(SILENT)
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen error types without a common base
        raise CargostreamError(f"The embedder {file} cannot be loaded: {first_line(error)}.") from error
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    output = next((name for name in OUTPUTS if name in outputs), outputs[0] if len(outputs) == 1 else None)
    kinds = {("tensor(uint8)", 3): False, ("tensor(float)", 1): True}
    for (type_, channels), normalised in kinds.items():
        taken = inputs[0]
        if len(inputs) > 1 or output is None or taken.type != type_ or len(taken.shape) != 4:
            continue
        height, width = (taken.shape[2], taken.shape[3]) if normalised else (taken.shape[1], taken.shape[2])
        if taken.shape[channels] in (3, None) or isinstance(taken.shape[channels], str):
            size = height if isinstance(height, int) else USUAL_SIZE
            if width in (size, None) or isinstance(width, str):
                return Embedder(session, taken.name, output, size, normalised, 1 if taken.shape[0] == 1 else LOT)
    takes = ", ".join(f"{taken.name} {taken.type} {taken.shape}" for taken in inputs)
    raise UsageError(f"The embedder {file} takes {takes} and gives {', '.join(outputs)}; it has to take images alone, "
                     f"as uint8 [n, size, size, 3] or float [n, 3, size, size], and to give {' or '.join(OUTPUTS)}.")
