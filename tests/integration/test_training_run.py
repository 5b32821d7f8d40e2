"""What `cargostream model train` leaves in a real MLflow server, on sets of a few images: it learns next to nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cargostream.labels import CARGO_LABELS
from cargostream.records import CHAMPION
from cargostream.registry import ask, open_registry
from cargostream.served import Manifest, ServedModel, open_model, read_manifest
from data_prepare.sets import SETS, ensure_set
from model_registry.mlflow_rest import versions_of
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry, running_registry

COUNT = 5
FEW = {name: SETS[name]._replace(counts=(COUNT,) * 5)
       for name in ("monday", "tuesday", "evaluation-monday", "evaluation-tuesday")}
SMALL = ("--epochs", "1", "--batch", "5")
SHAPE = ("--width", "0.25", "--size", "32")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for name in FEW:
        ensure_set(folder, name, sets=FEW)
    return folder


def environment(registry: Registry, name: str, home: Path) -> dict[str, str]:
    return os.environ | {"CARGOSTREAM_HOME": str(home), "MLFLOW_TRACKING_URI": registry.uri,
                         "CARGOSTREAM_MODEL_NAME": name}


def train(registry: Registry, name: str, home: Path, store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cargostream", "model", "train", "--store", str(store), *words],
                          env=environment(registry, name, home), capture_output=True, text=True, timeout=240)


def made(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def trained(registry: Registry, store: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Monday from scratch, which becomes champion, then both days from the champion."""
    home = tmp_path_factory.mktemp("home")
    monday = made(train(registry, "days", home, store, "--days", "monday", *SMALL, *SHAPE, "--json"))
    both = made(train(registry, "days", home, store, "--keep", "grasp", "--budget", "7", *SMALL, "--json"))
    return [monday, both]


def run_of(registry: Registry, version: int) -> dict[str, Any]:
    """A version's run: its data, info and the names of its artifacts."""
    with open_registry(registry.uri) as client:
        found = ask(client, "model-versions/get", name="days", version=str(version))
        assert found
        run_id = found["model_version"]["run_id"]
        run = ask(client, "runs/get", run_id=run_id)
        assert run
        files = [file["path"] for path in ("model", "training")
                 for file in client.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": path}
                                        ).raise_for_status().json()["files"]]
    data = run["run"]["data"]
    return {kind: {each["key"]: each["value"] for each in data[kind]} for kind in ("params", "metrics", "tags")} | {
        "files": files}


def opened(folder: str) -> tuple[ServedModel, Manifest]:
    return open_model(Path(folder)), read_manifest(Path(folder))


def test_the_first_is_champion_and_the_second_goes_on_from_it(trained: list[dict[str, Any]]) -> None:
    monday, both = trained
    assert (monday["version"], monday["champion"]) == (1, True)
    assert (both["version"], both["champion"]) == (2, False)
    _, manifest = opened(both["folder"])
    assert manifest.training["from"] == "days version 1"
    assert (manifest.training["width"], manifest.input_size) == (0.25, 32)  # those of the weights
    assert manifest.training["kept images"] == 7
    assert 0 <= manifest.evaluation["test accuracy"] <= 1
    assert manifest.training["images"] == 5 * (COUNT - 2) + 7
    assert manifest.training["command"].startswith("cargostream model train --days both --keep grasp --budget 7 ")


def test_the_run_holds_what_it_takes_to_judge_it(registry: Registry, trained: list[dict[str, Any]]) -> None:
    run = run_of(registry, 2)
    assert {"epochs", "rate", "seed", "temperature", "validation ece", "validation ece before", "digest train",
            "list monday", "list tuesday", "list evaluation-tuesday"} <= run["params"].keys()
    for day in ("monday", "tuesday"):
        for figure in ("accuracy", *(f"recall {label}" for label in CARGO_LABELS)):
            low, value, high = (run["metrics"][f"evaluation-{day} {figure}{bound}"] for bound in (" low", "", " high"))
            assert 0 <= low <= value <= high <= 1
        assert f"evaluation-{day} ece" in run["metrics"]
    assert {"loss", "validation loss", "validation accuracy"} <= run["metrics"].keys()
    assert {"model/MLmodel", "model/model.onnx", "model/golden.npz", "model/reference.npz", "model/weights.npz",
            "training/curves.png", "training/embeddings.npz", "training/confusion-evaluation-monday.png",
            "training/confusion-evaluation-tuesday.png"} <= set(run["files"])


def test_tags_tell_two_runs_apart(registry: Registry, trained: list[dict[str, Any]]) -> None:
    first, second = ({key: value for key, value in run_of(registry, version)["tags"].items()
                      if not key.startswith("mlflow.")} for version in (1, 2))
    assert first == {"days": "monday", "seed": "2022", "weights": "none", "from": "nothing"}
    assert second == {"days": "both", "keep": "grasp", "budget": "7", "seed": "2022", "weights": "champion",
                      "from": "days version 1"}
    assert versions_of(registry.uri, "days")[0].tags["keep"] == "grasp"


def test_the_artifact_brings_a_calibrated_graph_and_its_reference(trained: list[dict[str, Any]], store: Path) -> None:
    model, manifest = opened(trained[1]["folder"])
    assert model.reference is not None
    assert model.reference.days.tolist() == ["monday", "tuesday"]
    assert np.bincount(model.reference.day).tolist() == [10, 10]  # validation and test of each class
    assert len(model.reference.kinds) == len(model.reference.shifts) > 5
    with np.load(Path(trained[1]["folder"]) / "weights.npz", allow_pickle=False) as weights:
        assert float(weights["temperature"]) == pytest.approx(manifest.training["temperature"], abs=1e-4)
    with np.load(f"{trained[1]['folder']}.training/embeddings.npz", allow_pickle=False) as learnt:
        assert learnt["embedding"].shape == (manifest.training["images"], model.reference.centroids.shape[1])
        assert learnt["embedding"].dtype == np.float16
        assert len(set(learnt["sha256"].tolist())) == manifest.training["images"]


def test_what_decides_over_models_is_not_learnt(registry: Registry, store: Path, tmp_path: Path) -> None:
    """Even if this training is measured on another set."""
    done = train(registry, "learnt", tmp_path, store, "--set", "evaluation-tuesday", "--evaluate", "evaluation-monday",
                 *SMALL, *SHAPE)
    assert done.returncode == 1
    assert "images of evaluation-tuesday are also among those to learn from" in " ".join(done.stderr.split())


def test_a_killed_training_leaves_no_version_and_no_folder(registry: Registry, store: Path, tmp_path: Path) -> None:
    words = ["--days", "monday", "--epochs", "1000", "--batch", "5", *SHAPE, "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "cargostream", "model", "train", "--store", str(store), *words]
    log = tmp_path / "log"
    with log.open("w") as file, subprocess.Popen(command, stderr=file, stdout=file,
                                                 env=environment(registry, "killed", tmp_path)) as training:
        deadline = time.monotonic() + 120
        while "epoch 2/1000" not in log.read_text():
            assert training.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "no epoch in 120 s"
            time.sleep(0.1)
        training.kill()
    assert not (tmp_path / "out").exists()
    assert versions_of(registry.uri, "killed") == []


def test_a_champion_without_weights_is_told(registry: Registry, store: Path, tmp_path: Path) -> None:
    write_artifact(tmp_path / "foreign")
    version = registry.add("foreign", tmp_path / "foreign", None)
    with open_registry(registry.uri) as client:
        client.post("/api/2.0/mlflow/registered-models/alias",
                    json={"name": "foreign", "alias": CHAMPION, "version": str(version)}).raise_for_status()
    done = train(registry, "foreign", tmp_path, store, "--days", "both", *SMALL)
    assert done.returncode == 1
    assert "weights.npz is missing" in done.stderr
    none = train(registry, "nobody", tmp_path, store, "--days", "tuesday", *SMALL)
    assert none.returncode == 1
    assert "has no champion of nobody to go on from" in none.stderr


def test_unreadable_images_are_named_and_left_out_on_request(registry: Registry, store: Path, tmp_path: Path) -> None:
    bad = [store / "bad-cut.jpg", store / "bad-text.jpg"]
    bad[0].write_bytes((store / "monday/wood/wood_0.jpg").read_bytes()[:3000])
    bad[1].write_bytes(b"<html>")
    lines = "".join(f'{{"image_path":"{each.name}","target":4}}\n' for each in bad)
    (store / "with-bad.jsonl").write_text((store / "monday.jsonl").read_text() + lines)
    words = ["--set", "with-bad", "--evaluate", "evaluation-monday", "--out", str(tmp_path / "out"), "--no-register",
             *SMALL, *SHAPE]
    refused = train(registry, "bad", tmp_path, store, *words)
    assert refused.returncode == 1
    for word in ("2 of the 27 images", "bad-cut.jpg: ", "bad-text.jpg: neither a JPEG nor a PNG", "--skip-unreadable"):
        assert word in refused.stderr
    assert not (tmp_path / "out").exists()
    done = train(registry, "bad", tmp_path, store, *words, "--skip-unreadable", "--json")
    assert made(done)["folder"] == str(tmp_path / "out")
    assert done.stderr.count("left out of with-bad: ") == 2
