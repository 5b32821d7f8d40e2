"""Records that could not be used, wherever they are kept: on the dead-letter topic or in a database's `refused`."""

from typing import Any, NamedTuple

from cargostream.errors import UsageError
from cargostream.visible import visible

CUT = 2000
"""Characters of a key or a value that are shown."""


class Handled(NamedTuple):
    """What was done about a letter: `replayed` or `dismissed`."""

    what: str
    at: str
    by: str

    def __str__(self) -> str:
        return f"{self.what} at {self.at} by {self.by}"


class Place(NamedTuple):
    """Where a letter is kept: `kafka`, with partition and offset, or the server `source` or `target`, with an id."""

    where: str
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return ":".join([self.where, *map(str, self.numbers)])


class Letter(NamedTuple):
    """A record that could not be used. The coordinates are the record's own; `code` is a reject code, or the SQLSTATE
    with which a database refused it (`stage` is then `apply`). `cut_from` is the value's length if not all is kept."""

    place: Place
    topic: str
    partition: int
    offset: int
    epoch: int | None
    attempt: int
    code: str
    stage: str
    reason: str
    at: str
    key: bytes | None
    value: bytes | None
    cut_from: int | None = None
    handled: Handled | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values; the bytes as text that is safe to show."""
        return {"id": str(self.place), **{name: getattr(self, name) for name in (
            "topic", "partition", "offset", "epoch", "attempt", "code", "stage", "reason", "at")},
            "key": safe(self.key), "value": safe(self.value),
            "value_bytes": self.cut_from or (None if self.value is None else len(self.value)),
            "handled": self.handled and self.handled._asdict()}


def read_place(text: str) -> Place:
    """The place that an id names.

    Raises:
        UsageError: it names none.
    """
    where, *numbers = text.split(":")
    wanted = {"kafka": 2, "source": 1, "target": 1}.get(where)
    if len(numbers) != wanted or not all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
        raise UsageError(f"{text!r} is no letter's id; those are kafka:PARTITION:OFFSET, source:ID and target:ID, as "
                         "`cargostream dlq list` shows them.")
    return Place(where, tuple(int(number) for number in numbers))


def safe(content: bytes | None, cut: int = CUT) -> str | None:
    """Bytes as text on one line: whatever is no UTF-8 or could move the cursor is escaped, and what is long is cut."""
    if content is None:
        return None
    text = content[:4 * cut].decode("utf-8", "backslashreplace")
    shown = visible(text[:cut])
    return shown if len(content) <= 4 * cut and len(text) <= cut else f"{shown}…"
