"""The worker follows the alias champion in a real MLflow registry, and serves nothing that it cannot trust."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cargostream.cache import Cache
from stream_worker.follower import Follower
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry
from tests.support.workers import Rig


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    registry = Registry(tmp_path_factory.mktemp("mlflow"))
    registry.start()
    yield registry
    registry.kill()


@dataclass
class Following:
    """A follower at work and what it reported."""

    follower: Follower
    events: list[tuple[str, str]] = field(default_factory=list)

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, f"not within 90 s: {what}; {self.follower.registry}; {self.events}"
            await asyncio.sleep(0.05)

    async def serves(self, version: int) -> None:
        await self.until(f"version {version}", lambda: self.follower.model and self.follower.model.version == version)


@asynccontextmanager
async def following(uri: str, name: str, folder: Path) -> AsyncIterator[Following]:
    events: list[tuple[str, str]] = []
    follower = Follower(Cache(folder), uri, name, 0.1, lambda kind, _, subject, __: events.append((kind, subject)))
    task = asyncio.create_task(follower.follow())
    yield Following(follower, events)
    task.cancel()
    assert not task.done() or task.cancelled(), task.exception()


def artifact(registry: Registry, name: str, folder: Path, *, shift: int = 0, golden_off: float = 0.0,
             cut: bool = False, tagged: bool = True) -> int:
    digest = write_artifact(folder, shift=shift, golden_off=golden_off)
    if cut:
        model = folder / "model.onnx"
        model.write_bytes(model.read_bytes()[:-20])
    return registry.add(name, folder, digest if tagged else None)


def test_only_what_can_be_trusted_serves(registry: Registry, tmp_path: Path) -> None:
    name, folder = "trusted", tmp_path / "models"
    good = artifact(registry, name, tmp_path / "a")
    other = artifact(registry, name, tmp_path / "b", shift=1, tagged=False)
    wrong = artifact(registry, name, tmp_path / "c", golden_off=0.1)
    cut = artifact(registry, name, tmp_path / "d", shift=2, cut=True)
    (tmp_path / "e").mkdir()
    (tmp_path / "e/model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/canary'\ntR.")
    pickle = registry.add(name, tmp_path / "e", None)
    lying = registry.add(name, tmp_path / "a", "0" * 64)

    async def story() -> None:
        async with following(registry.uri, name, folder) as seen:
            await seen.until("no champion", lambda: "no version" in seen.follower.registry)
            assert not seen.follower.loaded.is_set()
            registry.promote(name, good)
            await seen.serves(good)
            await seen.until("confirmed", lambda: seen.follower.confirmed)
            for version in (wrong, cut, pickle, lying):
                registry.promote(name, version)
                refused = ("model_refused", f"version {version}")
                await seen.until(f"{version} refused", lambda refused=refused: refused in seen.events)
                assert seen.follower.model is not None
                assert seen.follower.model.version == good
            registry.promote(name, other)
            await seen.serves(other)
            assert seen.follower.previous is not None
            assert seen.follower.previous.version == good
            registry.promote(name, wrong)
            await asyncio.sleep(1)
            assert seen.events.count(("model_refused", f"version {wrong}")) == 1
            assert seen.follower.model is not None
            assert seen.follower.model.version == other

    asyncio.run(story())
    assert {path.name for path in folder.iterdir() if not path.is_dir()} == {"champion.json"}


def test_a_worker_outlives_its_registry_and_starts_without_it(tmp_path: Path) -> None:
    name, folder = "lonely", tmp_path / "models"
    (tmp_path / "mlflow").mkdir()
    registry = Registry(tmp_path / "mlflow")
    registry.start()
    try:
        version = artifact(registry, name, tmp_path / "a")
        registry.promote(name, version)

        async def story() -> None:
            async with following(registry.uri, name, folder) as seen:
                await seen.serves(version)
                registry.kill()
                await seen.until("registry away", lambda: "unreachable" in seen.follower.registry)
                assert seen.follower.current().version == version
            async with following(registry.uri, name, folder) as seen:
                await seen.serves(version)
                await seen.until("registry away", lambda: "unreachable" in seen.follower.registry)
                assert not seen.follower.confirmed
                await asyncio.to_thread(registry.start)
                await seen.until("confirmed", lambda: seen.follower.confirmed)
                assert seen.events == []

        asyncio.run(story())
    finally:
        registry.kill()


def test_each_row_is_answered_by_one_version_while_the_alias_moves(
    registry: Registry, rig: Rig, tmp_path: Path
) -> None:
    name = "moving"
    shifts = {artifact(registry, name, tmp_path / f"model-{shift}", shift=shift): shift for shift in (0, 1, 2)}
    versions = list(shifts)
    registry.promote(name, versions[0])
    shutil.rmtree(rig.home / "models")
    rig.start(mlflow_port=registry.port, model_name=name, alias_poll_s=0.1)
    rig.ready()
    for target in range(5):
        rig.draw(f"{target}.png", target)
    rows = 0
    for turn in range(7):
        version = versions[turn % 3]
        registry.promote(name, version)
        deadline = time.monotonic() + 90
        while rig.health()["model_version"] != version:  # rows go on coming while the model changes
            assert time.monotonic() < deadline, rig.log()
            for source_id in range(rows, rows + 20):
                rig.row(source_id, f"{source_id % 5}.png")
            rows += 20
            rig.producer.flush(10)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == rows)
    answers = rig.predictions()
    assert {a.source_id for a in answers} == set(range(rows))
    assert {a.model_version for a in answers} == set(versions)
    assert all((a.target + shifts[a.model_version]) % 5 == a.source_id % 5
               for a in answers if a.target is not None and a.model_version is not None)
