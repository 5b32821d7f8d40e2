"""The worker follows the alias champion in a real MLflow registry, and serves nothing that it cannot trust."""

import asyncio
from pathlib import Path

import pytest

from cargostream import download
from stream_worker import follower, models
from tests.support.bad_models import BAD_MODELS
from tests.support.following import Following, artifact, following
from tests.support.registry import Registry


def test_only_what_can_be_trusted_serves(registry: Registry, tmp_path: Path) -> None:
    name = "trusted"
    good = artifact(registry, name, tmp_path / "good")
    other = artifact(registry, name, tmp_path / "other", shift=1, tagged=False)
    bad = {words: make(registry, name, tmp_path / f"bad-{n}") for n, (words, make) in enumerate(BAD_MODELS.items())}

    async def story() -> None:
        async with following(registry.uri, name, tmp_path / "home") as seen:
            await seen.until("no champion", lambda: "is champion" in str(seen.facts()["problem"]))
            assert not seen.models.champion.taken.is_set()
            registry.promote(name, good)
            await seen.serves(good)
            await seen.until("confirmed", lambda: seen.models.champion.confirmed)
            for count, (words, version) in enumerate(bad.items(), start=1):
                registry.promote(name, version)
                await seen.until(f"{version} refused", lambda words=words: words in str(seen.facts()["problem"]))
                assert seen.facts()["version"] == good
                assert seen.facts()["counts"]["refused"] == count
                assert seen.events[-1] == ("model_refused", f"version {version}")
            registry.promote(name, other)
            await seen.serves(other)
            assert f"version {max(bad.values())}" == seen.facts()["last_problem"]["subject"]
            registry.promote(name, version)
            await seen.until("refused again", lambda: seen.facts()["problem"])
            told = len(seen.events)
            await asyncio.sleep(1)
            assert len(seen.events) == told, "tried or told again and again"
            assert seen.models.champion.current().version == other

    asyncio.run(story())
    assert not Path("canary").exists()
    models = tmp_path / "home" / "models"
    assert {path.name for path in models.iterdir() if not path.is_dir()} == {"champion.json"}


def test_an_alias_that_points_nowhere_changes_nothing_but_what_is_told(registry: Registry, tmp_path: Path) -> None:
    name = "nowhere"
    good, gone = (artifact(registry, name, tmp_path / f"{n}", shift=n) for n in range(2))

    async def told(seen: Following, words: str) -> None:
        await seen.until(words, lambda: words in str(seen.facts()["problem"]))
        assert seen.models.champion.current().version == good

    async def story() -> None:
        async with following(registry.uri, name, tmp_path / "home") as seen:
            registry.promote(name, good)
            await seen.serves(good)
            registry.unname(name, "champion")
            await told(seen, "No version of nowhere is champion.")
            assert seen.events[-1] == ("model_unavailable", "alias champion")
            registry.promote(name, good)
            await seen.serves(good)
            registry.promote(name, gone)
            registry.delete(name, gone)  # before or after the follower has it: it may serve, or not be found
            await seen.until("noticed", lambda: seen.facts()["version"] == gone or seen.facts()["problem"])
            registry.promote(name, good)
            await seen.serves(good)
            assert seen.facts()["counts"]["unavailable"] >= 1

    asyncio.run(story())


def test_a_file_without_end_is_not_waited_for(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 500)
    registry.promote("large", artifact(registry, "large", tmp_path / "a"))

    async def story() -> None:
        async with following(registry.uri, "large", tmp_path / "home") as seen:
            await seen.until("refused", lambda: "is larger than" in str(seen.facts()["problem"]))

    asyncio.run(story())
    assert list((tmp_path / "home/models").iterdir()) == []


def test_an_artifact_that_nobody_thought_of_ends_no_worker(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: object, **__: object) -> None:
        raise TypeError("len() of unsized object")

    monkeypatch.setattr(models, "open_model", surprised)
    registry.promote("odd", artifact(registry, "odd", tmp_path / "a"))

    async def story() -> None:
        async with following(registry.uri, "odd", tmp_path / "home") as seen:
            await seen.until("refused", lambda: "unsized" in str(seen.facts()["problem"]))

    asyncio.run(story())


def test_a_version_that_becomes_another_is_told_of(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "RECHECK_S", 0.1)
    name = "changing"
    version = artifact(registry, name, tmp_path / "a")
    digest = registry.digest(name, version)
    registry.promote(name, version)

    async def story() -> None:
        async with following(registry.uri, name, tmp_path / "home") as seen:
            await seen.serves(version)
            registry.tag(name, version, "f" * 64)
            await seen.until("told", lambda: "register it again" in str(seen.facts()["problem"]))
            assert seen.models.champion.current().digest == digest
            registry.tag(name, version, digest)
            await seen.serves(version)

    asyncio.run(story())


def test_a_worker_outlives_its_registry_and_starts_without_it(tmp_path: Path) -> None:
    name, home = "lonely", tmp_path / "home"
    (tmp_path / "mlflow").mkdir()
    registry = Registry(tmp_path / "mlflow")
    registry.start()
    try:
        version = artifact(registry, name, tmp_path / "a")
        registry.promote(name, version)

        async def away(seen: Following) -> None:
            await seen.until("registry away", lambda: "unreachable" in seen.models.follower.registry)
            assert seen.models.facts()["registry_failures"] == 1

        async def story() -> None:
            async with following(registry.uri, name, home) as seen:
                await seen.serves(version)
                registry.kill()
                await away(seen)
                assert seen.models.champion.current().version == version
            async with following(registry.uri, name, tmp_path / "empty") as seen:
                await away(seen)
                assert not seen.models.champion.taken.is_set()
            async with following(registry.uri, name, home) as seen:
                await seen.serves(version)
                await away(seen)
                assert not seen.models.champion.confirmed
                await asyncio.to_thread(registry.start)
                await seen.until("confirmed", lambda: seen.models.champion.confirmed)
                assert seen.events == []

        asyncio.run(story())
    finally:
        registry.kill()
