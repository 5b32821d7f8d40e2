"""What the supervisor runs, as data: services (processes), steps (work done once) and tasks done again and again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM


@dataclass(frozen=True)
class Service:
    """A process that runs until it is stopped.

    `prepare` runs in a thread before each start; `ready` is asked in a thread until it answers True, and raises or
    answers False until then. `deadline` (seconds) is for one start, from `prepare` to ready. An `eager` service starts
    beside what it needs, because it waits for it by itself; it is still stopped before it.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    uid: int | None = None
    eager: bool = False
    deadline: float = 60.0
    stop_signal: int = SIGTERM
    stop_deadline: float = 15.0
    death_signal: int = SIGKILL


@dataclass(frozen=True)
class Step:
    """Idempotent work, run in a thread, tried again with backoff until it succeeds or `deadline` seconds have passed.
    """

    name: str
    run: Callable[[], object]
    needs: tuple[str, ...] = ()
    deadline: float = 120.0


@dataclass(frozen=True)
class Repeated:
    """Work done every `every` seconds in a thread, for as long as the supervisor runs; a failure is logged."""

    name: str
    run: Callable[[], object]
    needs: tuple[str, ...] = ()
    every: float = 2.0


Part = Service | Step | Repeated
