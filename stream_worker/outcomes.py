"""What becomes of a record: one value of these types, and the bytes that tell the rest of the pipeline.

    Predicted | Rejected | Deleted   an answer, on `cargo-predictions`
    Unchanged                        nothing to say: the image is the one that was answered before
    Unreadable                       the original bytes on `cargo-dead-letter`, with the reason in headers
    NotYet                           not an answer: may heal, so that the wiring asks again
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import msgspec

from cargostream.decode import ImageStatistics
from cargostream.errors import RejectCode
from cargostream.records import (
    DEAD_LETTER_TOPIC,
    PREDICTIONS_TOPIC,
    DeadLetter,
    Prediction,
    PredictionKey,
    SourceRow,
)

Purpose = Literal["current", "replay", "shadow"]

DEAD_LETTER_MAX = 1_000_000
"""Bytes of a value that a dead letter keeps: with its headers it must pass where the original just did."""

_encode = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Coordinates(NamedTuple):
    """Which record it is. `epoch` counts how often the topic was made anew; `attempt` is 0 for live rows."""

    topic: str
    epoch: int
    partition: int
    offset: int
    attempt: int = 0


class Served(NamedTuple):
    """Which model was asked, or would have been."""

    name: str
    version: int
    engine: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the model says about the row's image; `probabilities` by class id."""

    row: SourceRow
    served: Served
    target: int
    label: str
    probabilities: tuple[float, ...]
    sha256: str
    statistics: ImageStatistics
    embedding_distance: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The row cannot be predicted, for a reason of its own. `sha256` is that of the image, if it could be read."""

    row: SourceRow
    served: Served
    code: RejectCode
    detail: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The row is gone from the source."""

    row: SourceRow


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The row changed, its image did not."""

    source_id: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that cannot be tied to a row; `code` and `stage` as `cargostream.records.DeadLetter` has them."""

    reason: str
    code: RejectCode = RejectCode.INVALID_MESSAGE
    stage: Literal["read", "trial", "replay"] = "read"


class Wait(StrEnum):
    """What a `NotYet` waits for."""

    FILE = "file_missing"
    STORE = "store_unavailable"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class NotYet:
    """No answer for now; `detail` is for the log."""

    wait: Wait
    detail: str


Answer = Predicted | Rejected | Deleted | Unchanged | Unreadable
Outcome = Answer | NotYet


class Outgoing(NamedTuple):
    """A record to be sent. The partition is that of the record it answers."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]


def to_record(answer: Answer, at: Coordinates, key: bytes | None, value: bytes | None,
              received: datetime, answered: datetime, purpose: Purpose = "current") -> Outgoing | None:
    """The record that carries an answer; None when there is nothing to send. `key` and `value` are the original's."""
    match answer:
        case Unchanged():
            return None
        case Unreadable():
            long = value is not None and len(value) > DEAD_LETTER_MAX
            letter = DeadLetter(**at._asdict(), code=answer.code.value, stage=answer.stage, reason=answer.reason,
                                at=answered.isoformat(), cut_from=len(value or b"") if long else None)
            headers: list[tuple[str, str | bytes | None]] = [
                (name, str(content)) for name, content in msgspec.structs.asdict(letter).items() if content is not None]
            return Outgoing(DEAD_LETTER_TOPIC, at.partition, key, value[:DEAD_LETTER_MAX] if value else value, headers)
        case _:
            prediction = to_prediction(answer, at, received, answered, purpose)
            return Outgoing(PREDICTIONS_TOPIC, at.partition, _encode(PredictionKey(prediction.source_id)),
                            _encode(prediction), [])


def to_prediction(answer: Predicted | Rejected | Deleted, at: Coordinates, received: datetime, answered: datetime,
                  purpose: Purpose = "current") -> Prediction:
    """The answer as the contract has it."""
    row = answer.row
    receipt: dict[str, Any] = {
        "source_epoch": at.epoch, "source_partition": at.partition, "source_offset": at.offset, "attempt": at.attempt,
        "source_lsn": row.source_lsn, "committed_at": _moment(row.source_ts_ms),
        "received_at": received.isoformat(), "predicted_at": answered.isoformat(), "purpose": purpose,
    }
    if isinstance(answer, Deleted):
        return Prediction(row.id, "deleted", **receipt)
    common = {
        **receipt, "timestamp": row.timestamp, "image_path": row.image_path, "image_sha256": answer.sha256,
        "model_name": answer.served.name, "model_version": answer.served.version, "engine": answer.served.engine,
    }
    if isinstance(answer, Rejected):
        return Prediction(row.id, "rejected", error_code=answer.code.value, error_detail=answer.detail, **common)
    return Prediction(
        row.id, "predicted", target=answer.target, label=answer.label, confidence=answer.probabilities[answer.target],
        probabilities=list(answer.probabilities), brightness=answer.statistics.brightness,
        contrast=answer.statistics.contrast, sharpness=answer.statistics.sharpness,
        saturated=answer.statistics.saturated, embedding_distance=answer.embedding_distance, **common,
    )


def _moment(milliseconds: int | None) -> str | None:
    """A commit's time as ISO 8601; None for one that no calendar holds."""
    try:
        return None if milliseconds is None else (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()
    except OverflowError:
        return None
