"""The bytes that outcomes become, and what positions mean."""

from datetime import UTC, datetime

import msgspec
import pytest

from cargostream.decode import ImageStatistics
from cargostream.errors import RejectCode
from cargostream.records import DEAD_LETTER_TOPIC, PREDICTIONS_TOPIC, DeadLetter, Prediction, SourceRow
from stream_worker.outcomes import (
    DEAD_LETTER_MAX,
    Answer,
    Coordinates,
    Deleted,
    Outgoing,
    Predicted,
    Rejected,
    Served,
    Unchanged,
    Unreadable,
    to_record,
)
from stream_worker.positions import Position

AT = Coordinates("postgres-source-cargo", 2, 5, 77)
NOW = datetime(2026, 11, 21, 9, 0, 1, 5, tzinfo=UTC)
ROW = SourceRow(9, "c", timestamp="infinity", image_path="a.png", source_ts_ms=1_795_000_000_123, source_lsn=8)
SERVED = Served("cargo-ground", 3, "numpy")


def sent(answer: Answer) -> Outgoing:
    outgoing = to_record(answer, AT, b"key", b"value", NOW, NOW)
    assert outgoing is not None
    return outgoing


def prediction(answer: Answer) -> Prediction:
    outgoing = sent(answer)
    assert (outgoing.topic, outgoing.partition, outgoing.key) == (PREDICTIONS_TOPIC, 5, b'{"source_id":9}')
    return msgspec.json.decode(outgoing.value or b"", type=Prediction)


def test_a_prediction_carries_answer_receipt_and_the_rows_own_time() -> None:
    answer = Predicted(ROW, SERVED, 1, "brick", (0.1, 0.9), "ab", ImageStatistics(0.1, 0.2, 0.3, 0.4))
    found = prediction(answer)
    assert (found.status, found.target, found.label, found.confidence) == ("predicted", 1, "brick", 0.9)
    assert (found.source_epoch, found.source_partition, found.source_offset, found.attempt) == (2, 5, 77, 0)
    assert (found.timestamp, found.committed_at) == ("infinity", "2026-11-18T11:06:40.123000+00:00")
    assert (found.model_version, found.engine, found.image_sha256) == (3, "numpy", "ab")


def test_a_rejection_names_code_and_model() -> None:
    found = prediction(Rejected(ROW, SERVED, RejectCode.EMPTY_FILE, "no bytes"))
    assert (found.status, found.error_code, found.error_detail) == ("rejected", "empty_file", "no bytes")
    assert (found.model_version, found.target, found.probabilities) == (3, None, None)


def test_a_delete_carries_the_id_and_the_receipt_only() -> None:
    found = prediction(Deleted(ROW))
    assert (found.status, found.source_offset) == ("deleted", 77)
    assert (found.image_path, found.timestamp, found.model_version) == (None, None, None)


def test_a_commit_time_beyond_every_calendar_is_none() -> None:
    assert prediction(Deleted(msgspec.structs.replace(ROW, source_ts_ms=2**62))).committed_at is None


def test_nothing_is_said_of_an_unchanged_row() -> None:
    assert to_record(Unchanged(9), AT, b"key", b"value", NOW, NOW) is None


def test_a_dead_letter_is_the_original_with_its_coordinates() -> None:
    outgoing = sent(Unreadable("no JSON"))
    assert (outgoing.topic, outgoing.key, outgoing.value) == (DEAD_LETTER_TOPIC, b"key", b"value")
    headers = dict(outgoing.headers)
    assert (headers["topic"], headers["partition"], headers["offset"]) == ("postgres-source-cargo", "5", "77")
    assert headers["reason"] == "no JSON"
    assert (headers["code"], headers["stage"], headers["attempt"]) == ("invalid_message", "read", "0")
    assert msgspec.convert(headers, DeadLetter, strict=False) == DeadLetter(
        "postgres-source-cargo", 5, 77, "no JSON", NOW.isoformat(), epoch=2)


def test_a_dead_letter_that_would_not_pass_is_cut_and_says_so() -> None:
    outgoing = to_record(Unreadable("no JSON"), AT, None, bytes(DEAD_LETTER_MAX + 1), NOW, NOW)
    assert outgoing is not None
    assert len(outgoing.value or b"") == DEAD_LETTER_MAX
    assert dict(outgoing.headers)["cut_from"] == str(DEAD_LETTER_MAX + 1)


@pytest.mark.parametrize(("position", "start", "gap"), [
    (Position(None, 0, 10), 0, False), (Position(None, 4, 10), 4, True), (Position(7, 0, 10), 7, False),
    (Position(10, 0, 10), 10, False), (Position(3, 4, 10), 4, True), (Position(4, 4, 10), 4, False),
    (Position(11, 0, 10), 0, True),
])
def test_where_an_assignment_starts_and_whether_something_is_missing(position: Position, start: int, gap: bool) -> None:
    assert (position.start, position.gap is not None) == (start, gap)
