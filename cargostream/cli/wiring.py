"""The stack as a list of parts: the one place where the rooms' work is put in order."""

from cargostream.settings import Settings, load_settings

FLOWING = ("connectors", "worker-0")
"""When these are ready, rows flow."""


def parts(settings: Settings, only: tuple[str, ...] = ()) -> list:  # type: ignore[type-arg]
    """Every service, step and repeated task; with `only`, the named ones and what they need."""
    from compose.parts import Repeated, Step
    from compose.services import needing, services

    own = {service.name: service for service in services(settings)}
    workers = [needing(own[name], "topics") for name in own if name.startswith("worker-")]
    registry = [needing(own["mlflow"], "schema")] if "mlflow" in own else []
    everything = [
        own["source"], own["target"], own["kafka"], own["connect"],
        Step("schema", lambda: _schema(settings), ("source", "target")),
        Step("topics", lambda: _topics(settings), ("kafka", "schema")),
        Step("connectors", lambda: _connectors(settings), ("connect", "topics")),
        Repeated("heal", _heal(settings), ("connectors",)),
        *workers,
        *registry,
        Step("model", lambda: _model(settings), ("mlflow",) if registry else (), deadline=180),
    ]
    wanted, queue = set(), list(only)
    while queue:
        name = queue.pop()
        wanted.add(name)
        queue += [need for part in everything if part.name == name for need in part.needs]
    return [part for part in everything if part.name in wanted or not only]


def supervise(only: tuple[str, ...]) -> None:
    """Be the supervisor of this home folder until stopped."""
    import asyncio
    import os

    from compose.state import ensure_home
    from compose.supervisor import Supervisor, take_pid_file

    settings = load_settings()
    ensure_home(settings.home)
    take_pid_file(settings.home)
    flowing = [name for name in FLOWING if not only or name in only]
    asyncio.run(_run(Supervisor, settings, parts(settings, only), flowing))
    os._exit(0)  # a step that hangs in its thread must not keep the process


async def _run(supervisor, settings: Settings, chosen: list, flowing: list[str]) -> None:  # type: ignore[type-arg, no-untyped-def]
    await supervisor(settings.home, chosen, flowing).run()


def _schema(settings: Settings) -> None:
    from connectors.schema import apply_schema

    apply_schema(settings)


def _topics(settings: Settings) -> None:
    from connectors.topics import ensure_topics

    ensure_topics(settings)


def _connectors(settings: Settings) -> None:
    from connectors.apply import apply

    apply(settings)


def _heal(settings: Settings):  # type: ignore[no-untyped-def]
    memory: dict[str, object] = {}

    def heal() -> None:
        from connectors.heal import heal_once

        heal_once(settings, memory)

    return heal


def _model(settings: Settings) -> None:
    from model_registry.starter import ensure_champion

    ensure_champion(settings)
