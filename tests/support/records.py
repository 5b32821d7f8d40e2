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
    "NUL in the time": {"timestamp": "\0"}, "no time": {"timestamp": "nonsense"}, "any day": {"timestamp": "tomorrow"},
    "time without a zone": {"timestamp": "2026-11-21T09:00:00"}, "month 13": {"timestamp": "2026-13-01T09:00:00Z"},
    "time as a number": {"timestamp": 1_795_000_000_000}, "no digest": {"sha256": "no digest"},
    "object for a digest": {"sha256": {}},
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


def unreadable(source_id: int = 7, **columns: object) -> dict[str, Record]:
    """Bytes that can be tied to no row, though they look like those of one: dead letters."""
    key, value = record(source_id, **columns)
    name, other = str(source_id).encode(), b'{"id": %d}' % (source_id + 1)
    deep = b"[" * 10_000 + b"]" * 10_000
    return {
        "no value": (key, None), "null": (key, b"null"), "no key": (None, value), "null key": (b"null", value),
        "nothing at all": (None, None), "empty": (key, b""),
        "no json": (key, b"hello"), "cut": (key, value[:-9]), "utf-16": (key, value.decode().encode("utf-16")),
        "latin-1": (key, value.replace(b'"image_path": "', b'"image_path": "\xe9')), "two values": (key, value + value),
        "byte order mark": (key, b"\xef\xbb\xbf" + value), "bytes key": (b"\xff\xfe", value),
        "avro": (key, b"\0\0\0\0\1\x0e"), "another magic byte": (key, b"\1" + value),
        "protobuf": (key, b"\x08\x07\x12\nwood/1.png"),
        "NaN": (key, value.replace(b'"__source_lsn": 2', b'"__source_lsn": NaN')),
        "infinite": (key, value.replace(b'"__source_lsn": 2', b'"__source_lsn": -Infinity')),
        "lone surrogate": (key, value.replace(b'"image_path": "', b'"image_path": "\\ud800')),
        "deep": (key, b"[" * 100_000), "deep inside": (key, value[:-1] + b', "x": ' + deep + b"}"),
        "deep key": (b'{"id": ' + b"[" * 100_000, value), "list": (key, b"[7]"),
        "text key": (b'{"id": "%s"}' % name, value), "float key": (b'{"id": %s.0}' % name, value),
        "true key": (b'{"id": true}', value),
        "huge key": (b'{"id": 99999999999999999999}', value.replace(b'"id": ' + name, b'"id": 99999999999999999999')),
        "another id": (other, value), "no id": (key, b'{"image_path": "wood/1.png"}'),
        "another id, no row": (other, b'{"id": %s, "image_path": 5}' % name),
    }


UNREADABLE = unreadable()
