"""What the supervisor runs, as data: services (processes), steps (work done once) and tasks done again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM


@dataclass(frozen=True)
class Service:
    """A process that runs until it is stopped.

    `prepare` runs in a thread before each start; `ready` is asked in a thread until it answers True, and raises or
    answers False until then; a CargostreamError says what waiting will not change, and is shown at once. `deadline`
    (seconds) is for one start, from `prepare` to ready. An `eager` service starts beside what it needs, because it
    waits for it by itself; it is still stopped before it. `secrets` names the variables with passwords that it sees of
    this process's environment; without them it sees none, and one of another user sees next to nothing.

    `alive` is asked in a thread every few seconds from then on, and must answer True while the process does what it
    can, be it only waiting for another. Without an answer for long, or at once when it raises a CargostreamError that
    says why, the process is killed and started again. Without it, a service lives as long as its process.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    cwd: Path = Path("/")
    uid: int | None = None
    eager: bool = False
    alive: Callable[[], bool] | None = None
    deadline: float = 60.0
    stop_signal: int = SIGTERM
    stop_deadline: float = 15.0
    death_signal: int = SIGKILL


@dataclass(frozen=True)
class Step:
    """Idempotent work, run in a thread, tried again until it succeeds; after `deadline` seconds, or at once where the
    error is an Unmendable one, it counts as failed and is tried less often.
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


def longest_stop(parts: Sequence[Part]) -> float:
    """Seconds until all have stopped if each takes its whole deadline: what needs a part is stopped before it."""
    def over(part: Part) -> float:
        own = part.stop_deadline if isinstance(part, Service) else 0.0
        return own + max((over(other) for other in parts if part.name in other.needs), default=0.0)

    return max(map(over, parts), default=0.0)
