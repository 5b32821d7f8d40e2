"""A version's reference is found in the cache, fetched from the registry where it is not, and believed only if it is
the one that was registered."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cargostream.cache import Cache
from cargostream.errors import Unavailable
from cargostream.settings import Settings
from operations.references import Basis, References
from tests.support.days import answers, artifact_that_knows, reference
from tests.support.registry import Registry

MONDAY = reference({"monday": answers(np.random.default_rng(0), 100)})
SINGULAR = np.repeat(1e10 * np.arange(100, dtype=np.float32)[:, None], 4, axis=1)


@pytest.fixture
def settings(registry: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    return Settings(home=tmp_path, mlflow_tracking_uri=registry.uri, model_name=f"model-{request.node.name}")


def test_a_reference_is_fetched_once(registry: Registry, settings: Settings, tmp_path: Path) -> None:
    digest = artifact_that_knows(tmp_path / "artifact", MONDAY, ece=0.01, **{"tuesday ece": 0.04})
    version = registry.add(settings.model_name, tmp_path / "artifact", digest)
    references = References(settings)
    found = references.of(version)
    assert found.known is not None
    assert list(found.known.days) == ["monday"]
    assert found.signatures is not None
    assert found.calibration_error == 0.04
    assert Cache(tmp_path / "models").path(digest).is_dir()
    assert references.of(version) is found


def test_what_the_worker_has_fetched_is_not_fetched_again(registry: Registry, settings: Settings,
                                                          tmp_path: Path) -> None:
    digest = artifact_that_knows(tmp_path / "artifact", MONDAY)
    version = registry.add(settings.model_name, tmp_path / "artifact", digest)
    (tmp_path / "models").mkdir()
    (tmp_path / "artifact").rename(tmp_path / "models" / digest)
    before = (tmp_path / "models" / digest).stat().st_ino
    assert References(settings).of(version).known is not None
    assert (tmp_path / "models" / digest).stat().st_ino == before


def test_another_artifact_than_was_registered_is_not_believed(registry: Registry, settings: Settings, tmp_path: Path,
                                                              caplog: pytest.LogCaptureFixture) -> None:
    artifact_that_knows(tmp_path / "artifact", MONDAY)
    version = registry.add(settings.model_name, tmp_path / "artifact", "0" * 64)
    assert References(settings).of(version) == Basis()
    assert "digest" in caplog.text


@pytest.mark.parametrize(("changes", "word"), [
    ({"probabilities": MONDAY.probabilities[:, :4], "centroids": MONDAY.centroids[:4]}, "4 classes"),
    ({"days": np.array("monday")}, "days has the shape"), ({"day": MONDAY.day + 1}, "day runs from 1"),
    ({"statistics": SINGULAR}, "LinAlgError")])
def test_one_that_makes_no_sense_is_none_and_that_is_said_once(
        registry: Registry, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture,
        changes: dict[str, np.ndarray], word: str) -> None:
    digest = artifact_that_knows(tmp_path / "artifact", dataclasses.replace(MONDAY, **changes))
    version = registry.add(settings.model_name, tmp_path / "artifact", digest)
    references = References(settings)
    assert [references.of(version), references.of(version)] == [Basis(), Basis()]
    (line,) = [line for line in caplog.messages if "not tested for drift" in line]
    assert word in line


def test_a_version_that_is_gone_and_a_registry_that_is_away_are_different_things(
        registry: Registry, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    assert References(settings).of(7) == Basis()
    assert "no version 7" in caplog.text
    away = References(settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"}))
    for _ in range(2):
        with pytest.raises(Unavailable):
            away.of(7)
