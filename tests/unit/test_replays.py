"""Records on `cargo-replay`: what they hold, and what their headers may say."""

import msgspec
import pytest

from cargostream.records import SourceKey, SourceRow
from cargostream.replays import Repeat, read_headers, replay_record, write_headers

MIRRORED = {"id": 7, "timestamp": "2026-11-21T09:00:00.123456+00:00", "image_path": "wood/1.png", "target": 4,
            "sha256": None, "ingest_key": "run:1", "source_lsn": 1007, "source_ts_ms": 1_795_000_000_000,
            "stored_at": "not a source record's"}


def test_a_mirrored_row_becomes_a_source_record_that_says_what_it_repeats() -> None:
    record = replay_record(MIRRORED, 2, 7, 40, 3)
    assert msgspec.json.decode(record.key or b"", type=SourceKey).id == 7
    row = msgspec.json.decode(record.value or b"", type=SourceRow)
    assert msgspec.structs.asdict(row).items() >= {**MIRRORED, "op": "r", "deleted": "false"}.items() - {
        ("stored_at", "not a source record's")}
    assert read_headers(record.headers) == Repeat(2, 7, 40, 3)


def test_headers_are_decimal_text() -> None:
    assert write_headers(Repeat(1, 0, 12, 1)) == [
        ("epoch", b"1"), ("partition", b"0"), ("offset", b"12"), ("attempt", b"1")]


@pytest.mark.parametrize(("name", "content"), [
    ("epoch", None), ("epoch", b""), ("epoch", b"0"), ("partition", b"8"), ("offset", b"-1"), ("offset", b"1.5"),
    ("offset", b"9" * 5000), ("offset", b"1_0"), ("offset", "\u0663".encode()), ("attempt", b"0"),
    ("attempt", b"99999999999"), ("partition", b"\xff"),
])
def test_headers_that_say_nothing_sensible_are_refused_by_name(name: str, content: bytes | None) -> None:
    headers = dict(write_headers(Repeat(1, 0, 12, 1))) | {name: content}
    with pytest.raises(ValueError, match=f"header {name}"):
        read_headers(list(headers.items()))


def test_no_headers_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="epoch is missing"):
        read_headers(None)
