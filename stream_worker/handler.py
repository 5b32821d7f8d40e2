"""The heart of the worker: a record's bytes in, what becomes of it out.

`handle` is total. It never raises and knows neither Kafka nor Faust nor MLflow; with a `MemoryStore` and a
`MemoryModel` it is a pure function.
"""

import hashlib
import re
from datetime import datetime
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from cargostream.decode import to_array
from cargostream.errors import RejectCode, Rejection, Unavailable
from cargostream.images import MAX_PATH, ImageStore
from cargostream.records import SourceKey, SourceRow
from cargostream.served import Answer as ModelAnswer
from stream_worker.outcomes import (
    Deleted,
    NotYet,
    Outcome,
    Predicted,
    Rejected,
    Served,
    Unchanged,
    Unreadable,
    Wait,
)

_key = msgspec.json.Decoder(SourceKey).decode
_row = msgspec.json.Decoder(SourceRow).decode
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BIGINT = range(-(2**63), 2**63)


class Model(Protocol):
    """What the handler asks of a model; `cargostream.served.ServedModel` is one."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def input_size(self) -> int: ...

    def predict(self, image: npt.NDArray[np.uint8]) -> ModelAnswer:
        """Probabilities by class id, and more. Raises Rejection (`model_error`)."""


def handle(key: bytes | None, value: bytes | None, store: ImageStore, model: Model, *,
           max_pixels: int, patient: bool) -> Outcome:
    """What becomes of a record of the source topic.

    While `patient`, a missing image is `NotYet`: it may be on its way. After that it is an answer.
    """
    try:
        read = read_row(key, value)
        if isinstance(read, Unreadable):
            return read
        row, fault = read
        served = Served(model.name, model.version, model.engine)
        if fault is not None:
            return Rejected(row, served, RejectCode.INVALID_MESSAGE, fault)
        if row.op == "d":
            return Deleted(row)
        if row.op == "u" and (row.image_path, row.sha256) == (row.before_image_path, row.before_sha256):
            return Unchanged(row.id)
        return _predict(row, served, store, model, max_pixels, patient)
    except Exception as error:  # a fault of ours, or no memory; the row is not to blame
        return NotYet(Wait.FAULT, f"{type(error).__name__}: {error}")


def condemn(key: bytes | None, value: bytes | None, model: Model) -> Outcome:
    """The answer to a record that ends whatever process handles it; its image is left alone."""
    why = "a process that tried this record ended, twice"
    try:
        read = read_row(key, value)
    except Exception:  # reading it may be what ends them
        return Unreadable(why, RejectCode.CRASHED_WORKER, "trial")
    if isinstance(read, Unreadable):
        return read
    return Rejected(read[0], Served(model.name, model.version, model.engine), RejectCode.CRASHED_WORKER, why)


def read_row(key: bytes | None, value: bytes | None) -> tuple[SourceRow, str | None] | Unreadable:
    """The row in a record. With it comes what is wrong with it: then nothing but its id is kept."""
    if key is None or value is None:
        return Unreadable("the record has no key or no value")
    try:
        source_id = _key(key).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable("the key is not {\"id\": n}")
    if source_id not in _BIGINT:
        return Unreadable("the key's id is no bigint")
    try:
        row = _row(value)
    except msgspec.ValidationError as error:
        return _identified(source_id, value, f"not a row: {error}"[:200])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable("the value is no JSON")
    if row.id != source_id:
        return Unreadable("key and value differ in id")
    fault = _fault(row)
    return (row, None) if fault is None else (SourceRow(source_id, row.op), fault)


def _identified(source_id: int, value: bytes, fault: str) -> tuple[SourceRow, str] | Unreadable:
    """A value that is no row may still say whose it is."""
    try:
        named = _key(value).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable("the value is no row")
    if named != source_id:
        return Unreadable("key and value differ in id")
    return SourceRow(source_id, "?"), fault


def _fault(row: SourceRow) -> str | None:
    """What makes a row impossible to answer as it stands. The source's CHECKs let none of it through."""
    if row.op not in ("c", "r", "u", "d"):
        return "an unknown operation"
    if any(n is not None and n not in _BIGINT for n in (row.source_lsn, row.source_ts_ms)):
        return "a number that is no bigint"
    if row.op == "d":
        return None
    if row.image_path is None or not row.image_path.strip() or len(row.image_path) > MAX_PATH:
        return "no image path"
    if "\0" in f"{row.image_path}{row.timestamp}":  # Postgres holds no NUL, neither here nor in the answer
        return "a NUL in a text"
    if row.timestamp is not None and not _is_time(row.timestamp):
        return "a time that is none"
    if row.sha256 is not None and not _SHA256.fullmatch(row.sha256):
        return "sha256 is not a SHA-256 in hex"
    return None


def _is_time(text: str) -> bool:
    """Whether the target can take it for a time: it would refuse the whole answer with it, or read "tomorrow"."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _predict(row: SourceRow, served: Served, store: ImageStore, model: Model, max_pixels: int,
             patient: bool) -> Outcome:
    digest = None
    try:
        data = store.read(row.image_path or "")
        digest = hashlib.sha256(data).hexdigest()
        if row.sha256 is not None and row.sha256.lower() != digest:
            raise Rejection(RejectCode.CHECKSUM_MISMATCH, "the image is not the one that the row was written for")
        image, statistics = to_array(data, model.input_size, max_pixels)
        probabilities, far = model.predict(image)
    except Rejection as error:
        if patient and error.code == RejectCode.FILE_NOT_FOUND:
            return NotYet(Wait.FILE, error.detail)
        return Rejected(row, served, error.code, error.detail, digest)
    except Unavailable as error:
        return NotYet(Wait.STORE, str(error))
    target = int(probabilities.argmax())
    return Predicted(row, served, target, model.labels[target], tuple(round(float(p), 6) for p in probabilities),
                     digest, statistics, far)
