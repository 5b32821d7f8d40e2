"""The stack as a list of parts: the one place where the rooms' work is put in order."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cargostream.errors import UsageError
from cargostream.settings import Settings, load_settings

if TYPE_CHECKING:
    from compose.parts import Part

FLOWING = ("flow",)
"""When it is ready, rows flow."""


def parts(settings: Settings, only: tuple[str, ...] = ()) -> list["Part"]:
    """Every service, step and repeated task; with `only`, the named ones and what they need."""
    from compose.parts import Repeated, Step
    from compose.services import needing, services

    own = {service.name: service for service in services(settings)}
    everything: list[Part] = [
        own["source"], own["target"], own["kafka"], own["connect"],
        Step("schema", lambda: _schema(settings), ("source", "target")),
        Step("topics", lambda: _topics(settings), ("kafka", "schema")),
        Step("connectors", lambda: _connectors(settings), ("connect", "topics")),
        Repeated("heal", _heal(settings), ("connectors",)),
        Repeated("capture", _capture(settings), ("connectors",), every=5),
        Repeated("retention", lambda: _forget(settings), ("connectors",), every=3600),
        *(needing(own[name], "topics") for name in own if name.startswith("worker-")),
        needing(own["monitor"], "flow"),
        needing(own["verify"], "flow"),
        *([needing(own["mlflow"], "schema")] if "mlflow" in own else []),
        Step("flow", lambda: _flow(settings), ("connectors", "worker-0")),
        Step("model", lambda: _model(settings), ("mlflow",) if "mlflow" in own else (), deadline=180),
    ]
    needs = {part.name: part.needs for part in everything}
    if unknown := set(only) - set(needs):
        raise UsageError(f"There is no part named {', '.join(sorted(unknown))}; there are: {', '.join(needs)}.")
    wanted: set[str] = set()
    queue = list(only or needs)
    while queue:
        name = queue.pop()
        wanted.add(name)
        queue += needs[name]
    return [part for part in everything if part.name in wanted]


def supervise(only: tuple[str, ...]) -> None:
    """Be the supervisor of this home folder until stopped.

    Raises:
        CargostreamError: another one runs on this folder.
    """
    from compose.state import ensure_home, take_pid_file
    from compose.supervisor import Supervisor

    settings = load_settings()
    ensure_home(settings.home)
    take_pid_file(settings.home)
    chosen = parts(settings, only)
    names = {part.name for part in chosen}
    flowing = FLOWING if names.issuperset(FLOWING) else ()
    asyncio.run(Supervisor(settings.home, chosen, flowing, lambda name, why: _tell_stuck(settings, name, why)).run())


def _tell_stuck(settings: Settings, name: str, why: str) -> None:
    from datetime import UTC, datetime

    from cargostream.events import report
    from cargostream.records import Event

    kind = "worker_stuck" if name.startswith("worker-") else "part_stuck"
    report(settings, Event(kind, "alarm", name, f"{why}; it was killed and started again.",
                           datetime.now(UTC).isoformat()))


def _schema(settings: Settings) -> None:
    from connectors.schema import apply_schema

    apply_schema(settings)


def _topics(settings: Settings) -> None:
    from connectors.topics import ensure_topics

    ensure_topics(settings)


def _connectors(settings: Settings) -> None:
    from connectors.apply import apply

    apply(settings)


def _heal(settings: Settings) -> Callable[[], None]:
    memory: dict[str, Any] = {}

    def heal() -> None:
        from connectors.heal import heal_once

        heal_once(settings, memory)

    return heal


def _capture(settings: Settings) -> Callable[[], object]:
    from connectors.capture import Capture, watch_capture

    memory = Capture()
    return lambda: watch_capture(settings, memory)


def _flow(settings: Settings) -> None:
    from operations.flowing import wait_until_flowing

    wait_until_flowing(settings)


def _forget(settings: Settings) -> None:
    from connectors.retention import forget_old_history

    forget_old_history(settings)


def _model(settings: Settings) -> None:
    from model_registry.starter import ensure_champion

    ensure_champion(settings)
