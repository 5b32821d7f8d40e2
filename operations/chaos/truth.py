"""What the answers should have been: every image read and predicted once more, here, by the version that answered."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache

from sqlalchemy import Engine, RowMapping

from cargostream.cache import Cache
from cargostream.decode import to_array
from cargostream.errors import CargostreamError, RejectCode, Rejection, Unavailable
from cargostream.images import FolderStore, ImageStore
from cargostream.registry import ask_version, open_registry
from cargostream.served import ServedModel, open_model
from cargostream.settings import Settings
from cargostream.sql import load_sql

TOLERANCE = 1e-4
"""How far a confidence may be off: the same engine on the same machine gives the same but for rounding."""


def wrong_answers(settings: Settings, source: Engine, target: Engine, run: str, since: int) -> Iterator[str | None]:
    """For each answered row of a run, newest id before it `since`: what is wrong with its answer, or None.

    Raises:
        Unavailable: a version's artifact is neither in the worker's cache nor to be had from the registry.
    """
    with source.connect() as here:
        rows = here.execute(load_sql("operations.sql", "run_rows"), {"since": since, "prefix": f"{run}:"}).mappings()
        written = {row["id"]: row for row in rows}
    with target.connect() as there:
        answers = list(there.execute(load_sql("operations.sql", "answers_of"), {"ids": list(written)}).mappings())
    store = FolderStore(settings.image_store, settings.image_max_bytes)
    model = cache(lambda version: _model(settings, version))
    for answer in answers:
        yield differs(answer, written[answer["source_id"]], store, model, settings.image_max_pixels)


def differs(answer: RowMapping, row: RowMapping, store: ImageStore, model: Callable[[int], ServedModel],
            max_pixels: int) -> str | None:
    """What is wrong with an answer to a row, in a sentence; None if nothing is."""
    try:
        content = store.read(row["image_path"])
        digest = hashlib.sha256(content).hexdigest()
        if row["sha256"] is not None and row["sha256"].lower() != digest:
            raise Rejection(RejectCode.CHECKSUM_MISMATCH, "the image is not the one that the row was written for")
        served = model(answer["model_version"])
        image, _ = to_array(content, served.input_size, max_pixels)
        probabilities = served.predict(image).probabilities
    except Rejection as error:
        expected, found = (error.code.value, None), (answer["error_code"], answer["label"])
        return None if found == expected else f"row {row['id']}: {found} instead of {expected}"
    label, confidence = served.labels[int(probabilities.argmax())], float(probabilities.max())
    right = (answer["status"] == "predicted" and answer["label"] == label and answer["image_sha256"] == digest
             and abs(answer["confidence"] - confidence) <= TOLERANCE)
    return None if right else (f"row {row['id']}: {answer['label'] or answer['error_code']} ({answer['confidence']}) "
                               f"instead of {label} ({confidence:.6f})")


def _model(settings: Settings, version: int) -> ServedModel:
    models = Cache(settings.home / "models")
    try:
        with open_registry(settings.tracking_uri) as registry:
            found = ask_version(registry, settings.model_name, version)
        digest = found.digest if found else None
    except Unavailable:  # what the worker started with is known without it
        pointer = models.last_champion(settings.model_name)
        digest = pointer.digest if pointer and pointer.version == version else None
    if digest is None or not models.path(digest).is_dir():
        digest = models.fetch(settings.tracking_uri, settings.model_name, version)
    try:
        return open_model(models.path(digest), version=version, digest=digest)
    except CargostreamError as error:
        raise Unavailable(f"The answers of version {version} cannot be checked: {error}") from error
