"""What a model's inputs and outputs look like on the days that it knows: what live rows are held against.

It travels with the model, as `reference.npz` in the artifact, and is made from images that the model did not learn
from: on what it has learnt a model is surer of itself than it ever will be on new rows.
"""

import io
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from cargostream.arrays import BadArrays, read_arrays
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


def read_reference(data: bytes, classes: int | None = None) -> Reference:
    """What `write_reference` wrote; `classes`, when given, is how many the model has.

    Raises:
        ModelRefused: these are not such bytes, or their parts do not fit together.
    """
    try:
        arrays: dict[str, Any] = read_arrays(data, [field.name for field in fields(Reference)])
    except BadArrays as error:
        raise ModelRefused(f"The model's {REFERENCE} cannot be used: {error}.") from error
    reference = Reference(**arrays)
    if wrong := _wrong_type(reference) or _wrong_shape(reference, classes) or _wrong_value(reference):
        raise ModelRefused(f"The model's {REFERENCE} cannot be used: {wrong}.")
    return reference


def _wrong_type(reference: Reference) -> str | None:
    kinds = {"days": "U", "kinds": "U", "day": "iu"}
    for field in fields(Reference):
        if (found := getattr(reference, field.name).dtype).kind not in kinds.get(field.name, "fiu"):
            return f"{field.name} is of the type {found}"
    return None


def _wrong_shape(reference: Reference, classes: int | None) -> str | None:
    for name, dimensions in {"days": 1, "probabilities": 2, "centroids": 2, "kinds": 1}.items():
        if len(found := getattr(reference, name).shape) != dimensions:
            return f"{name} has the shape {found}"
    n, columns = reference.probabilities.shape
    if columns != (classes or columns):
        return f"probabilities are of {columns} classes, the model has {classes}"
    shapes = {"day": (n,), "statistics": (n, len(STATISTICS)), "embedding_distance": (n,),
              "shifts": (len(reference.kinds), 2 * len(STATISTICS))}
    for name, shape in shapes.items():
        if (found := getattr(reference, name).shape) != shape:
            return f"{name} has the shape {found}, not {shape}"
    if len(reference.centroids) != columns:
        return f"{len(reference.centroids)} centroids for {columns} classes"
    return None


def _wrong_value(reference: Reference) -> str | None:
    if len(reference.day) and not 0 <= reference.day.min() <= reference.day.max() < len(reference.days):
        return f"day runs from {reference.day.min()} to {reference.day.max()}, with {len(reference.days)} days"
    means, spreads = np.hsplit(reference.shifts, 2)
    finite = {"probabilities": reference.probabilities, "statistics": reference.statistics,
              "centroids": reference.centroids, "shifts": means}
    # An embedding that was not measured is left out of the tests, and what does not vary at all has a spread of -inf.
    wrong = [name for name, values in finite.items() if not np.isfinite(values).all()]
    if wrong or np.isnan(spreads).any():
        return f"{wrong[0] if wrong else 'shifts'} has a value that is no number"
    return None


def embedding_distance(centroids: npt.NDArray[np.float32], embedding: npt.NDArray[np.float32]) -> float:
    """How far an embedding (E,) is from the nearest class: 1 minus the largest cosine to a centroid; 0 to 2."""
    norms = np.linalg.norm(centroids, axis=1) * np.linalg.norm(embedding)
    return float(1 - np.max(centroids @ embedding / np.maximum(norms, 1e-12)))
