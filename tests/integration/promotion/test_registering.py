"""What may be registered, and that a registering which is killed leaves nothing half done."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cargostream.errors import ModelRefused
from cargostream.records import CHAMPION
from cargostream.served import MODEL
from model_registry.mlflow_rest import versions_of
from model_registry.register import register
from model_registry.vet import vet
from tests.support.artifacts import write_artifact


@pytest.mark.parametrize(("traits", "said"), [
    ({"labels": ("brick", "wood")}, "labels"), ({"golden_off": 0.5}, "golden image"), ({"claimed_size": 64}, "64x64")])
def test_what_would_not_be_served_is_not_registered(arena, tmp_path, traits, said):
    write_artifact(tmp_path / "bad", **traits)
    with pytest.raises(ModelRefused, match=said):
        register(arena.settings, tmp_path / "bad")
    assert versions_of(arena.registry.uri, arena.name) == []


def runs(arena) -> set[Path]:
    return set((arena.registry.folder / "artifacts").glob("*/*"))


def graphs(arena) -> set[Path]:
    return set((arena.registry.folder / "artifacts").rglob(MODEL))


def versions(arena) -> set[int]:
    return {version.version for version in versions_of(arena.registry.uri, arena.name)}


@pytest.mark.parametrize("reached", [runs, graphs, versions])
def test_killed_at_any_moment_it_leaves_whole_versions_or_none(arena, tmp_path, reached):
    """Killed when its run has a first file, when the graph is there, and when the version is but perhaps no alias."""
    write_artifact(tmp_path / "new")
    before = reached(arena)
    env = os.environ | {"CARGOSTREAM_HOME": str(arena.settings.home), "MLFLOW_TRACKING_URI": arena.registry.uri,
                        "CARGOSTREAM_MODEL_NAME": arena.name}
    command = [sys.executable, "-m", "cargostream", "model", "register", str(tmp_path / "new")]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while reached(arena) == before and process.poll() is None:
            assert time.monotonic() < deadline, "it got nowhere within 90 s"
            time.sleep(0.005)
        process.kill()
    for version in versions_of(arena.registry.uri, arena.name):
        vet(arena.settings, version, tmp_path / "scratch")
        assert version.tags["digest"]
    result = register(arena.settings, tmp_path / "new")
    assert [version.aliases for version in versions_of(arena.registry.uri, arena.name)] == [(CHAMPION,)]
    vet(arena.settings, arena.version(result.version), tmp_path / "scratch")
