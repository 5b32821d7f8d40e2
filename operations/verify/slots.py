"""The source's replication slot: what the path of every change begins with, and whether it still is the same one."""

from typing import Literal

import msgspec
from sqlalchemy import Engine

from operations.verify.ranges import fetch

SLOT = "cargostream"


class Slot(msgspec.Struct, frozen=True):
    """The slot as it was at one look; `name` is None when there was none, positions are bytes of the source's log.

    `txns` and `bytes` count what it has decoded. They only grow, and begin at 0 when a slot is made or when the server
    has lost its counts, by a crash for example: `counts_since` is another then.
    """

    name: str | None = None
    active: bool | None = None
    wal_status: str | None = None
    restart: int | None = None
    confirmed: int | None = None
    txns: int | None = None
    bytes: int | None = None
    counts_since: str = ""
    written: int = 0

    @property
    def lost(self) -> bool:
        """There is none, or the source has thrown away the log that it needs."""
        return self.name is None or self.wal_status == "lost"


def read_slot(source: Engine) -> Slot:
    """The slot now."""
    return Slot(**fetch(source, "verify_slot", slot=SLOT)[0])


def change(before: Slot, now: Slot) -> Literal["lost", "remade"] | None:
    """What has happened to the slot between two looks, if anything; changes between the two may be missed then."""
    if now.lost:
        return None if before.lost else "lost"
    if before.lost:
        return "remade"
    fewer = (now.txns or 0) < (before.txns or 0) or (now.bytes or 0) < (before.bytes or 0)
    return "remade" if fewer and now.counts_since == before.counts_since else None
