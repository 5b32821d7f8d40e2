"""What is in flight: records on their way to their answers, and how many may be."""

from asyncio import Future
from dataclasses import dataclass
from datetime import datetime

from stream_worker.outcomes import Answer, Coordinates
from stream_worker.window import Window


@dataclass(eq=False, slots=True)
class Work:
    """One record on its way to its answer. A live row has the window that it came for; a repeat has none, and `done`
    hears that it is through. `seen` and `started` are on the monotonic clock; `started` is 0 while no thread is at it.
    `room` tells whether it counts among those in flight, `on_trial` whether a child process has it."""

    window: Window | None
    at: Coordinates
    key: bytes | None
    value: bytes | None
    received: datetime
    seen: float
    room: bool = True
    started: float = 0.0
    on_trial: bool = False
    faults: int = 0
    answer: Answer | None = None
    done: Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """See the settings of the same names."""

    window: int
    threads: int
    patience_s: float
    max_pixels: int
    timeout_s: float
