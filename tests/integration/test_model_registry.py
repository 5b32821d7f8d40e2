"""A real MLflow server: an artifact goes in once, becomes champion if there is none, and comes out as it went in."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from cargostream.download import download
from cargostream.errors import ModelRefused, Unavailable
from cargostream.records import CHAMPION
from cargostream.served import GOLDEN, MANIFEST, MODEL, artifact_digest, open_model
from cargostream.settings import Settings
from model_registry.mlflow_rest import versions_of
from model_registry.register import register
from model_registry.starter import STARTER, ensure_champion
from tests.support.artifacts import write_artifact
from tests.support.postgres import free_port


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server with nothing in it, on the application that the stack runs."""
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    env = os.environ | {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{home}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"), "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    command = [sys.executable, "-m", "uvicorn", "compose.mlflow_app:app", "--port", str(port), "--log-level", "warning"]
    with (home / "log").open("w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as server:
        try:
            deadline = time.monotonic() + 120
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline, "MLflow did not answer within 120 s"
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def settings(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """A registered model's name of the test's own, so that tests do not see each other's."""
    return Settings(home=tmp_path / "home", mlflow_tracking_uri=uri, model_name=f"model-{request.node.name}")


def test_the_first_becomes_champion_and_the_next_does_not(settings: Settings, tmp_path: Path) -> None:
    uri, name = settings.tracking_uri, settings.model_name
    assert versions_of(uri, name) == []
    write_artifact(tmp_path / "a")
    write_artifact(tmp_path / "b", shift=1)
    assert register(settings, tmp_path / "a") == (1, True, True)
    assert register(settings, tmp_path / "b") == (2, True, False)
    assert register(settings, tmp_path / "a") == (1, False, False)  # the same once more
    newest, oldest = versions_of(uri, name)
    assert (newest.version, newest.aliases) == (2, ())
    assert (oldest.version, oldest.aliases) == (1, (CHAMPION,))
    assert oldest.tags["digest"] == artifact_digest(tmp_path / "a")


def test_what_comes_out_is_what_went_in(settings: Settings, tmp_path: Path) -> None:
    digest = write_artifact(tmp_path / "in")
    version = register(settings, tmp_path / "in", [{"loss": 1.0}, {"loss": 0.5}]).version
    (tmp_path / "out").mkdir()
    fetched = subprocess.run(
        [sys.executable, "-m", "cargostream.fetch_model", settings.model_name, str(version), str(tmp_path / "out")],
        env=os.environ | {"MLFLOW_TRACKING_URI": settings.tracking_uri}, timeout=120, capture_output=True, text=True)
    assert fetched.returncode == 0, fetched.stderr
    model = open_model(tmp_path / "out", version=version, digest=digest)
    assert model.digest == digest
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {MODEL, MANIFEST, GOLDEN, "MLmodel"}
    described = (tmp_path / "out" / "MLmodel").read_text()
    assert "uint8" in described
    assert "onnx" in described
    assert not [file for file in (tmp_path / "out").rglob("*") if file.suffix in (".pkl", ".pickle", ".pt", ".pth")]


def test_a_worker_gets_it_without_mlflows_client(settings: Settings, tmp_path: Path) -> None:
    """Which would cost it seconds and 200 MB, and would bring every file."""
    digest = write_artifact(tmp_path / "in")
    download(settings.tracking_uri, settings.model_name, register(settings, tmp_path / "in").version, tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {MODEL, MANIFEST, GOLDEN}
    assert open_model(tmp_path / "out").digest == digest


def test_mlflows_own_onnx_flavour_can_load_it(settings: Settings, tmp_path: Path) -> None:
    write_artifact(tmp_path / "in")
    version = register(settings, tmp_path / "in").version
    # A process of its own: mlflow warns on import, and warnings are errors here.
    code = ("import sys, mlflow, mlflow.onnx; mlflow.set_tracking_uri(sys.argv[1]);"
            "print([o.name for o in mlflow.onnx.load_model(sys.argv[2]).graph.output])")
    done = subprocess.run([sys.executable, "-c", code, settings.tracking_uri,
                           f"models:/{settings.model_name}/{version}"], capture_output=True, text=True, timeout=120,
                          check=True)
    assert "['logits', 'embedding']" in done.stdout


def test_a_damaged_artifact_is_not_registered(settings: Settings, tmp_path: Path) -> None:
    write_artifact(tmp_path / "bad", golden_off=0.5)
    with pytest.raises(ModelRefused, match="golden image"):
        register(settings, tmp_path / "bad")
    assert versions_of(settings.tracking_uri, settings.model_name) == []


def test_the_starter_is_registered_once_and_only_if_needed(settings: Settings) -> None:
    ensure_champion(settings)
    started = time.monotonic()
    ensure_champion(settings)
    assert time.monotonic() - started < 2  # a warm start asks one question and does not import mlflow
    [version] = versions_of(settings.tracking_uri, settings.model_name)
    assert version.aliases == (CHAMPION,)
    assert version.tags["digest"] == artifact_digest(STARTER)
    assert float(version.tags["evaluation-monday accuracy"]) >= 0.93


def test_a_crash_before_the_alias_makes_no_second_version(settings: Settings) -> None:
    ensure_champion(settings)
    httpx.request("DELETE", f"{settings.tracking_uri}/api/2.0/mlflow/registered-models/alias", trust_env=False,
                  json={"name": settings.model_name, "alias": CHAMPION}).raise_for_status()
    ensure_champion(settings)
    [version] = versions_of(settings.tracking_uri, settings.model_name)
    assert version.aliases == (CHAMPION,)


def test_a_champion_of_the_users_own_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    write_artifact(tmp_path / "own")
    register(settings, tmp_path / "own")
    ensure_champion(settings)
    assert len(versions_of(settings.tracking_uri, settings.model_name)) == 1


def test_a_registry_that_is_away_is_told_in_seconds(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mlflow_tracking_uri=f"http://127.0.0.1:{free_port()}")
    write_artifact(tmp_path / "in")
    started = time.monotonic()
    for attempt in (lambda: ensure_champion(settings), lambda: register(settings, tmp_path / "in")):
        with pytest.raises(Unavailable, match="model registry"):
            attempt()
    assert time.monotonic() - started < 15


def command(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"CARGOSTREAM_HOME": str(settings.home), "MLFLOW_TRACKING_URI": settings.tracking_uri,
                        "CARGOSTREAM_MODEL_NAME": settings.model_name}
    return subprocess.run([sys.executable, "-m", "cargostream", "model", *words], env=env, capture_output=True,
                          text=True, timeout=240)


def test_the_commands_register_and_list(settings: Settings, tmp_path: Path) -> None:
    write_artifact(tmp_path / "in")
    nothing = command(settings, "list")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "has no version" in nothing.stderr
    done = command(settings, "register", str(tmp_path / "in"))
    assert (done.returncode, done.stdout) == (0, f"{settings.model_name} version 1, now champion\n")
    listed = json.loads(command(settings, "list", "--json").stdout)
    assert [(each["version"], each["aliases"]) for each in listed] == [(1, [CHAMPION])]
    assert "champion" in command(settings, "list").stdout
    refused = command(settings, "register", str(tmp_path / "none"))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "cannot be read" in refused.stderr


def test_training_ends_in_a_registered_model_that_can_be_served(settings: Settings, tmp_path: Path) -> None:
    """The command from start to end, on sets of a few images: it learns next to nothing, and everything else works."""
    from data_prepare.sets import SETS, ImageSet, ensure_set

    store = tmp_path / "store"
    few = {name: ImageSet(SETS[name].number, (3, 3, 3, 3, 3)) for name in ("monday", "evaluation-monday")}
    for name in few:
        ensure_set(store, name, sets=few)
    done = command(settings, "train", "--set", "monday", "--evaluate", "evaluation-monday", "--store", str(store),
                   "--out", str(tmp_path / "artifact"), "--epochs", "1", "--batch", "5", "--width", "0.25", "--size",
                   "32", "--seed", "3", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert 0 <= figures["evaluation-monday accuracy"] <= 1
    model = open_model(tmp_path / "artifact")
    assert np.isfinite(model.predict(np.zeros((32, 32, 3), np.uint8)).probabilities).all()
    manifest = msgspec.json.decode((tmp_path / "artifact" / MANIFEST).read_bytes())
    assert manifest["training"]["seed"] == 3
    assert "--seed 3" in manifest["training"]["command"]
    assert [version.aliases for version in versions_of(settings.tracking_uri, settings.model_name)] == [(CHAMPION,)]
    again = command(settings, "train", "--set", "monday", "--store", str(store), "--out", str(tmp_path / "artifact"))
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_what_was_learnt_is_not_measured(settings: Settings, tmp_path: Path) -> None:
    from data_prepare.sets import SETS, ImageSet, ensure_set

    few = {"monday": ImageSet(SETS["monday"].number, (2, 2, 2, 2, 2))}
    ensure_set(tmp_path, "monday", sets=few)
    done = command(settings, "train", "--set", "monday", "--evaluate", "monday", "--store", str(tmp_path),
                   "--out", str(tmp_path / "artifact"), "--size", "32", "--no-register")
    assert done.returncode == 1
    assert "must not have been learnt" in done.stderr
