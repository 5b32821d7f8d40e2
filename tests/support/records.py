"""Records of the source topic, good and bad, each with what must become of it."""

import json
from collections.abc import Callable

Record = tuple[bytes | None, bytes | None]
"""Key and value."""


def record(source_id: int = 7, op: str = "c", **columns: object) -> tuple[bytes, bytes]:
    """A record as Connect writes it."""
    row = {"id": source_id, "__op": op, "__deleted": str(op == "d").lower(), "timestamp": "2026-11-21T09:00:00Z",
           "image_path": "wood/1.png", "target": None, "sha256": None, "__source_ts_ms": 1, "__source_lsn": 2}
    return json.dumps({"id": source_id}).encode(), json.dumps(row | columns).encode()


INVALID: dict[str, dict[str, object]] = {
    "no path": {"image_path": None}, "blank path": {"image_path": " "}, "empty path": {"image_path": ""},
    "path of 10 KB": {"image_path": "x" * 10_000}, "NUL in the path": {"image_path": "a\0.png"},
    "number for a path": {"image_path": 5}, "list for a path": {"image_path": ["wood/1.png"]},
    "NUL in the time": {"timestamp": "\0"}, "no digest": {"sha256": "no digest"}, "object for a digest": {"sha256": {}},
    "text for a class": {"target": "wood"}, "fraction for a class": {"target": 1.5}, "op unknown": {"__op": "t"},
    "op null": {"__op": None}, "LSN beyond all numbers": {"__source_lsn": 2**70}, "LSN false": {"__source_lsn": False},
}
"""Columns that make a row impossible to answer: `invalid_message`."""

HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "more columns than known": lambda value: value[:-1] + b', "weight": 3.5, "nested": {"a": [1, {"b": null}]}}',
    "a column twice": lambda value: b'{"image_path": "../../etc/passwd", ' + value[1:],
    "blanks and lines between": lambda value: value.replace(b", ", b" ,\r\n\t"),
    "letters escaped": lambda value: value.replace(b'"image_path"', b'"\\u0069mage_path"'),
}
"""What may be done to a record's value without changing what it says."""

KEY, VALUE = record()
UNREADABLE: dict[str, Record] = {
    "no value": (KEY, None), "null": (KEY, b"null"), "no key": (None, VALUE), "null key": (b"null", VALUE),
    "nothing at all": (None, None),
    "empty": (KEY, b""), "no json": (KEY, b"hello"), "cut": (KEY, VALUE[:-9]), "avro": (KEY, b"\0\0\0\0\1\x0e"),
    "another magic byte": (KEY, b"\1" + VALUE), "protobuf": (KEY, b"\x08\x07\x12\nwood/1.png"),
    "utf-16": (KEY, VALUE.decode().encode("utf-16")), "latin-1": (KEY, VALUE.replace(b"wood/1", b"w\xe9")),
    "byte order mark": (KEY, b"\xef\xbb\xbf" + VALUE),
    "NaN": (KEY, VALUE.replace(b": 2}", b": NaN}")), "infinite": (KEY, VALUE.replace(b": 2}", b": -Infinity}")),
    "lone surrogate": (KEY, VALUE.replace(b"wood", b"\\ud800")), "two values": (KEY, VALUE + VALUE),
    "deep": (KEY, b"[" * 100_000), "deep inside": (KEY, VALUE[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "deep key": (b'{"id": ' + b"[" * 100_000, VALUE), "list": (KEY, b"[7]"), "text key": (b'{"id": "7"}', VALUE),
    "float key": (b'{"id": 7.0}', VALUE), "true key": (b'{"id": true}', VALUE), "bytes key": (b"\xff\xfe", VALUE),
    "huge key": (b'{"id": 99999999999999999999}', VALUE.replace(b'"id": 7', b'"id": 99999999999999999999')),
    "another id": (b'{"id": 8}', VALUE), "no id": (KEY, b'{"image_path": "wood/1.png"}'),
    "another id, no row": (b'{"id": 8}', b'{"id": 7, "image_path": 5}'),
}
"""Bytes that can be tied to no row: dead letters."""
