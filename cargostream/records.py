"""The contracts between the rooms: topic names, connector names and the typed records on each topic.

Every record is JSON. Times are strings as Postgres or the worker wrote them (ISO 8601, UTC) and are not parsed on
the way. `tests/unit/test_contracts.py` holds these structs and the columns of the `.sql` files together.
"""

from typing import Literal

import msgspec

SOURCE_TOPIC = "postgres-source-cargo"
PREDICTIONS_TOPIC = "cargo-predictions"
INGEST_TOPIC = "cargo-ingest"
EVENTS_TOPIC = "cargo-events"
REPLAY_TOPIC = "cargo-replay"
"""Source records again, to be answered again behind live rows: see `cargostream.replays`."""
DEAD_LETTER_TOPIC = "cargo-dead-letter"

PARTITIONS = 8
"""Partitions of every data topic. Part of the contract: a row's partition follows from its id."""

SOURCE_CONNECTOR = "postgres-source-connector"
SINK_CONNECTOR = "postgres-sink-connector"
INGEST_CONNECTOR = "ingest-sink-connector"

WORKER_GROUP = "cargostream-worker"
REPLAY_GROUP = "cargostream-replay"

READER_GROUPS = {
    f"connect-{INGEST_CONNECTOR}": (INGEST_TOPIC,),
    WORKER_GROUP: (SOURCE_TOPIC,),
    REPLAY_GROUP: (REPLAY_TOPIC,),
    f"connect-{SINK_CONNECTOR}": (SOURCE_TOPIC, PREDICTIONS_TOPIC, EVENTS_TOPIC),
}
"""Consumer groups and the topics that they read. Connect names the group of a sink after its connector."""

MODEL_NAME = "cargo-ground"
CHAMPION = "champion"
CHALLENGER = "challenger"


class SourceKey(msgspec.Struct, frozen=True):
    """Key of a record on `postgres-source-cargo`."""

    id: int


class SourceRow(msgspec.Struct, frozen=True, rename={
    "op": "__op", "deleted": "__deleted", "before_image_path": "__before_image_path",
    "before_sha256": "__before_sha256", "source_ts_ms": "__source_ts_ms", "source_lsn": "__source_lsn",
}):
    """Value of a record on `postgres-source-cargo`: the row as it is after the change, and what Debezium adds.

    `op` is c(reate), r(ead by a snapshot), u(pdate) or d(elete); `deleted` is "true" only for d, whose other columns
    are then meaningless except `id`. `source_ts_ms` is the commit's time in ms since the epoch.
    """

    id: int
    op: str
    deleted: str = "false"
    timestamp: str | None = None
    image_path: str | None = None
    target: int | None = None
    sha256: str | None = None
    ingest_key: str | None = None
    before_image_path: str | None = None
    before_sha256: str | None = None
    source_ts_ms: int | None = None
    source_lsn: int | None = None


class PredictionKey(msgspec.Struct, frozen=True):
    """Key of a record on `cargo-predictions`."""

    source_id: int


class Prediction(msgspec.Struct, frozen=True, omit_defaults=False):
    """Value of a record on `cargo-predictions`, one per source record that needs an answer.

    `status` "deleted" carries only the id and the receipt. `timestamp` is the row's event time, `target` the predicted
    class id. `brightness`, `contrast`, `sharpness` and `saturated` are image statistics (see `cargostream.decode`),
    `embedding_distance` tells how unlike all known images this one is to the model (see `cargostream.reference`).
    The receipt: `source_epoch`, `source_partition`, `source_offset` and `attempt` name the record that was answered;
    the guard in the target orders by (source_epoch, source_offset, attempt).
    """

    source_id: int
    status: Literal["predicted", "rejected", "deleted"]
    source_epoch: int
    source_partition: int
    source_offset: int
    attempt: int = 0
    purpose: Literal["current", "replay", "shadow"] = "current"
    timestamp: str | None = None
    image_path: str | None = None
    target: int | None = None
    label: str | None = None
    confidence: float | None = None
    probabilities: list[float] | None = None
    error_code: str | None = None
    error_detail: str | None = None
    model_name: str | None = None
    model_version: int | None = None
    engine: str | None = None
    image_sha256: str | None = None
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    saturated: float | None = None
    embedding_distance: float | None = None
    source_lsn: int | None = None
    committed_at: str | None = None
    received_at: str | None = None
    predicted_at: str | None = None


class IngestRecord(msgspec.Struct, frozen=True):
    """Value of a record on `cargo-ingest`: a row for the source table under the producer's own key (its record key
    too). The first record of an `ingest_key` counts."""

    ingest_key: str
    image_path: str
    timestamp: str | None = None
    target: int | None = None
    sha256: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Headers of a record on `cargo-dead-letter`, all as text; key and value are the original's.

    The coordinates are those of the record that could not be read, `attempt` is 0 unless it was a repeat. `stage` says
    what gave it up: `read` the record itself, `trial` a process that ended of it, `replay` the headers of a repeat.
    `code` is one of `cargostream.errors.RejectCode`. `cut_from` is the value's length where not all of it is kept.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    at: str
    epoch: int = 0
    attempt: int = 0
    code: str = "invalid_message"
    stage: str = "read"
    cut_from: int | None = None


class Event(msgspec.Struct, frozen=True):
    """Value of a record on `cargo-events`: something notable that a part reports, kept in `cargo_event`.

    `kind` is a stable snake_case name such as `model_swapped` or `model_refused`; `subject` says what it is about (a
    model version, a slot, a partition); `detail` is one sentence for people.
    """

    kind: str
    severity: Literal["info", "warning", "alarm"]
    subject: str
    detail: str
    at: str
