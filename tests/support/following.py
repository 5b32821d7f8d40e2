"""The models of a worker without the worker: what follows the registry, and what it reported."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cargostream.settings import load_settings
from stream_worker.models import Models
from stream_worker.outcomes import Outgoing
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry


@dataclass
class Following:
    """Models that follow a registry; `events` as (kind, subject), `sent` what challengers said."""

    models: Models
    events: list[tuple[str, str]] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait for something, or fail with its name and what the models say."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"not within 60 s: {what}; {self.models.facts()}; {self.events}"
            await asyncio.sleep(0.05)

    async def serves(self, version: int, alias: str = "champion") -> None:
        """Wait until a version has the alias's seat, and nothing is wrong with that."""
        await self.until(f"{alias} {version}", lambda: self.facts(alias)["version"] == version)
        await self.until("no problem", lambda: self.facts(alias)["problem"] is None)

    def facts(self, alias: str = "champion") -> dict[str, object]:
        return dict(self.models.facts()[alias])


@asynccontextmanager
async def following(uri: str, name: str, home: Path) -> AsyncIterator[Following]:
    """Models whose cache is in `home`, for as long as the context lasts."""
    settings = load_settings(home).model_copy(update={
        "mlflow_tracking_uri": uri, "model_name": name, "alias_poll_s": 0.1})
    events: list[tuple[str, str]] = []
    sent: list[Outgoing] = []
    models = Models(settings, asyncio.get_running_loop(), sent.append,
                    lambda kind, _, subject, __: events.append((kind, subject)))
    task = asyncio.create_task(models.follower.follow())
    try:
        yield Following(models, events, sent)
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        if (challenger := models.challenger.holder) is not None:
            challenger.close()


def artifact(registry: Registry, name: str, folder: Path, *, shift: int = 0, golden_off: float = 0.0,
             cut: str = "", tagged: bool = True, **manifest: object) -> int:
    """Write and register an artifact, one of whose files may be cut; its version."""
    digest = write_artifact(folder, shift=shift, golden_off=golden_off, **manifest)  # type: ignore[arg-type]
    if cut:
        whole = (folder / cut).read_bytes()
        (folder / cut).write_bytes(whole[:-20])
    return registry.add(name, folder, digest if tagged else None)
