"""How far the verification has come, kept in the target so that a restart goes on there and `status` can tell."""

from datetime import datetime

import msgspec
from sqlalchemy import Engine

from operations.verify.ranges import FIRST, fetch
from operations.verify.slots import Slot

REST_S = 15.0
"""Between two sweeps: small tables are through at once."""


class State(msgspec.Struct):
    """The row of `verify_state`; see there. Times are the target's own."""

    swept_to: int | None = None
    swept_rows: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    ended_rows: int | None = None
    cause_at: datetime | None = None
    found: int = 0
    repaired: int = 0
    standing: int = 0
    slot: Slot | None = None
    refused_source: int = 0
    refused_target: int = 0
    conflicts: int = 0

    @property
    def urgent(self) -> bool:
        """Something was noticed that asks for a whole sweep, and none was ended since."""
        return self.cause_at is not None and (self.ended_at is None or self.cause_at > self.ended_at)

    def begin(self, now: datetime) -> bool:
        """Begin a sweep if one is due, anew if its cause is younger; whether one is under way."""
        rested = self.ended_at is None or (now - self.ended_at).total_seconds() > REST_S
        late = self.cause_at is not None and self.began_at is not None and self.cause_at > self.began_at
        if late or (self.swept_to is None and (rested or self.urgent)):
            self.swept_to, self.swept_rows, self.began_at = FIRST, 0, now
        return self.swept_to is not None

    def end(self, now: datetime) -> None:
        """The sweep has reached the last id."""
        self.ended_at, self.ended_rows, self.swept_to = now, self.swept_rows, None


def load(target: Engine) -> State:
    """As it was saved last; a new one if it never was."""
    rows = fetch(target, "verify_state")
    return msgspec.convert(dict(rows[0]), State) if rows else State()


def save(target: Engine, state: State) -> None:
    values = {name: getattr(state, name) for name in State.__struct_fields__}
    slot = msgspec.json.encode(state.slot).decode() if state.slot else None
    fetch(target, "verify_save", **{**values, "slot": slot})
