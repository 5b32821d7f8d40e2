"""What a model's inputs and outputs look like on the days that it knows: what live rows are held against.

It travels with the model, as `reference.npz` in the artifact, and is made from images that the model did not learn
from: on what it has learnt a model is surer of itself than it ever will be on new rows.
"""

import io
from dataclasses import dataclass, fields
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from cargostream.errors import ModelRefused

REFERENCE = "reference.npz"

STATISTICS = ("brightness", "contrast", "sharpness", "saturated")
"""Image statistics, in the order of the columns below; see `cargostream.decode.ImageStatistics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """`n` rows of known days, and how known kinds of damage move the image statistics.

    days: names of the days, (d,). day: index into `days` of each row, int64 (n,).
    probabilities: float32 (n, classes). statistics: float32 (n, 4). embedding_distance: float32 (n,).
    centroids: mean embedding of each class in the training data, float32 (classes, E).
    kinds: names of kinds of damage, (k,). shifts: float32 (k, 8), for each kind the mean shift of each statistic in
    standard deviations of the undamaged, then the logarithm of the ratio of standard deviations.
    """

    days: npt.NDArray[np.str_]
    day: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    statistics: npt.NDArray[np.float32]
    embedding_distance: npt.NDArray[np.float32]
    centroids: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.str_]
    shifts: npt.NDArray[np.float32]


def write_reference(reference: Reference) -> bytes:
    """The bytes of `reference.npz`."""
    file = io.BytesIO()
    np.savez_compressed(file, **{field.name: getattr(reference, field.name) for field in fields(Reference)})
    return file.getvalue()


def read_reference(data: bytes) -> Reference:
    """What `write_reference` wrote.

    Raises:
        ModelRefused: these are not such bytes, or their parts do not fit together.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            reference = Reference(**{field.name: arrays[field.name] for field in fields(Reference)})
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise ModelRefused(f"The model's {REFERENCE} cannot be used: {error}.") from error
    for name, dimensions in {"probabilities": 2, "centroids": 2, "kinds": 1}.items():
        if len(found := getattr(reference, name).shape) != dimensions:
            raise ModelRefused(f"The model's {REFERENCE} cannot be used: {name} has the shape {found}.")
    n, classes = reference.probabilities.shape
    shapes = {"day": (n,), "statistics": (n, len(STATISTICS)), "embedding_distance": (n,),
              "shifts": (len(reference.kinds), 2 * len(STATISTICS))}
    for name, shape in shapes.items():
        if (found := getattr(reference, name).shape) != shape:
            raise ModelRefused(f"The model's {REFERENCE} cannot be used: {name} has the shape {found}, not {shape}.")
    if len(reference.centroids) != classes:
        raise ModelRefused(f"The model's {REFERENCE} cannot be used: {len(reference.centroids)} centroids for "
                           f"{classes} classes.")
    return reference


def embedding_distance(centroids: npt.NDArray[np.float32], embedding: npt.NDArray[np.float32]) -> float:
    """How far an embedding (E,) is from the nearest class: 1 minus the largest cosine to a centroid; 0 to 2."""
    norms = np.linalg.norm(centroids, axis=1) * np.linalg.norm(embedding)
    return float(1 - np.max(centroids @ embedding / np.maximum(norms, 1e-12)))
