"""Ids of letters, and bytes that are shown."""

import pytest

from cargostream.errors import UsageError
from operations.letters import CUT, Place, read_place, safe


@pytest.mark.parametrize("place", [Place("kafka", (3, 170)), Place("source", (5,)), Place("target", (0,))])
def test_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert read_place(str(place)) == place


@pytest.mark.parametrize("text", ["", "kafka", "kafka:1", "kafka:1:2:3", "source:1:2", "target:-1", "target:x",
                                  "mirror:1", "target:\u0663", f"target:{'9' * 30}"])
def test_what_is_no_id_is_a_usage_error_that_says_what_is(text: str) -> None:
    with pytest.raises(UsageError, match="kafka:PARTITION:OFFSET"):
        read_place(text)


@pytest.mark.parametrize(("content", "shown"), [
    (None, None), (b"", ""), ("für".encode(), "für"), (b"a\xffb", "a\\xffb"),
    (b"a\nb\x1b[2J\x00", "a\\nb\\x1b[2J\\x00"),
    ("\u202egpj.exe".encode(), "\\u202egpj.exe"), ("a\u2028b".encode(), "a\\u2028b"),
])
def test_bytes_are_shown_on_one_line_and_move_no_cursor(content: bytes | None, shown: str | None) -> None:
    assert safe(content) == shown


@pytest.mark.parametrize("content", [b"x" * 1_000_000, "ü".encode() * 500_000, b"\xff" * 1_000_000])
def test_what_is_long_is_cut(content: bytes) -> None:
    shown = safe(content) or ""
    assert shown.endswith("…")
    assert len(shown) <= 4 * CUT + 1
    assert safe(b"x" * CUT) == "x" * CUT
