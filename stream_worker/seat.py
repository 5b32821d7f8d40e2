"""What serves under one alias, and what stands between the alias and service."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cargostream.errors import Unavailable
from cargostream.registry import Registered


class Versioned(Protocol):
    """What a seat needs to know of its holder."""

    @property
    def version(self) -> int: ...
    @property
    def digest(self) -> str: ...


Holder = TypeVar("Holder", bound=Versioned)


@dataclass(eq=False, kw_only=True)
class Seat(Generic[Holder]):
    """`holder` may be read from any thread, once a record; it changes between two records.

    kind: what the names of its events begin with. open: opens the artifact in a folder as a version, with a digest; it
    blocks, and raises ModelRefused. close: lets go of one that has left. lasting: the holder is remembered and serves
    from the cache at the start, and stays when the alias names nothing; else the alias's end is its own.
    """

    alias: str
    kind: str
    open: Callable[[Path, int, str], Holder]
    close: Callable[[Holder], None] = lambda _: None
    lasting: bool = True

    holder: Holder | None = None
    confirmed: bool = False
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str | None = None
    """Why the holder is not what the alias names, for as long as it is so."""
    counts: Counter[str] = field(default_factory=Counter)
    last_problem: dict[str, Any] | None = None

    asked: int | None = None
    """The version that the alias named when it was last looked at, which is due again at `due` (monotonic clock)."""
    due: float = 0.0
    wanted: Registered | None = None
    refused: bool = False
    """Whether `wanted` is not to be tried again."""

    def current(self) -> Holder:
        """Who holds the seat. Raises Unavailable: nobody does."""
        if self.holder is None:
            raise Unavailable(f"No model has been loaded as {self.alias}.")
        return self.holder

    def give(self, holder: Holder | None) -> Holder | None:
        """Let `holder` have the seat; who had it before. The problem, if there was one, is over."""
        before, self.holder = self.holder, holder
        self.problem, self.refused = None, False
        if holder is not None:
            self.taken.set()
        return before

    def hindered(self, kind: str, subject: str, reason: str) -> bool:
        """What the alias names cannot have the seat; whether that is news."""
        last = self.last_problem if self.problem else None
        self.problem = reason
        if last and (last["kind"], last["subject"]) == (kind, subject):
            return False
        self.counts[kind] += 1
        self.last_problem = {"kind": kind, "subject": subject, "reason": reason, "at": datetime.now(UTC).isoformat()}
        return True

    def facts(self) -> dict[str, Any]:
        """For `/readyz`."""
        return {"version": self.holder and self.holder.version, "digest": self.holder and self.holder.digest,
                "confirmed": self.confirmed, "problem": self.problem, "counts": dict(self.counts),
                "last_problem": self.last_problem}
