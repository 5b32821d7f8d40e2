"""An artifact folder becomes a version of the registered model."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from cargostream.addresses import is_loopback, without_password
from cargostream.errors import CargostreamError
from cargostream.labels import CARGO_LABELS
from cargostream.records import CHAMPION
from cargostream.registry import ask_aliases, open_registry
from cargostream.served import Manifest, artifact_digest, open_model, read_manifest
from cargostream.settings import Settings
from model_registry.mlflow_rest import versions_of

EXPERIMENT = "cargostream"


class Registered(NamedTuple):
    """What became of an artifact: its version, whether that was made now, and whether it became champion now."""

    version: int
    new: bool
    champion: bool


def register(settings: Settings, folder: Path, epochs: Sequence[Mapping[str, float]] = (), *,
             extras: Path | None = None, tags: Mapping[str, str] = MappingProxyType({})) -> Registered:
    """Register the artifact in `folder`, after it has passed every check of serving, and make it champion if no
    version is. An artifact that is registered already keeps its version: doing it twice does it once.

    `epochs` are figures by name, one mapping per epoch of training, for the run's curves. `extras` is a folder of files
    that belong to the run and not to the model, `tags` tell the run and its version from others.

    Raises:
        ModelRefused: the artifact does not pass, or answers with other classes than CARGO_LABELS.
        CargostreamError: MLflow cannot be reached or does not take it.
    """
    model = open_model(folder, labels=CARGO_LABELS)
    known = [version.version for version in versions_of(settings.tracking_uri, settings.model_name)
             if version.tags.get("digest") == model.digest]
    version = known[-1] if known else _new_version(settings, folder, epochs, extras, tags)
    with open_registry(settings.tracking_uri) as registry:
        champion = CHAMPION not in ask_aliases(registry, settings.model_name)
    if champion:
        with _mlflow_errors(settings):
            _client(settings).set_registered_model_alias(settings.model_name, CHAMPION, str(version))
    return Registered(version, not known, champion)


def _new_version(settings: Settings, folder: Path, epochs: Sequence[Mapping[str, float]], extras: Path | None,
                 tags: Mapping[str, str]) -> int:
    """Log a run with the artifact and register it. A crash on the way leaves a run without a version, which is
    harmless: nothing but a version with its digest counts as registered."""
    manifest = read_manifest(folder)
    with _mlflow_errors(settings), tempfile.TemporaryDirectory() as temporary:
        from mlflow.exceptions import MlflowException

        client = _client(settings)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        run = client.create_run(experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT),
                                run_name=manifest.name, tags=dict(tags))
        for key, value in manifest.training.items():
            client.log_param(run.info.run_id, key, value)
        for key, value in manifest.evaluation.items():
            client.log_metric(run.info.run_id, key, value)
        for number, figures in enumerate(epochs, start=1):
            for key, value in figures.items():
                client.log_metric(run.info.run_id, key, value, step=number)
        logged = shutil.copytree(folder, Path(temporary) / "model")
        _write_mlmodel(logged, manifest, run.info.run_id)
        client.log_artifacts(run.info.run_id, str(logged), "model")
        if extras is not None:
            client.log_artifacts(run.info.run_id, str(extras), "training")
        client.set_terminated(run.info.run_id)
        with contextlib.suppress(MlflowException):  # it exists; if anything else is wrong, the next call says it
            client.create_registered_model(settings.model_name)
        found = client.create_model_version(
            settings.model_name, f"runs:/{run.info.run_id}/model", run.info.run_id,
            tags={**tags, "digest": artifact_digest(folder), "name": manifest.name,
                  **{key: str(value) for key, value in manifest.evaluation.items()}},
            await_creation_for=0)
        return int(found.version)


def _write_mlmodel(folder: Path, manifest: Manifest, run_id: str) -> None:
    """Describe the folder as a model of MLflow's own onnx flavour, so that `mlflow.onnx` and its pages know it too.

    MLflow's function for that wants the package onnx, which nothing else here needs in order to serve.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    size, classes = manifest.input_size, len(manifest.labels)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, size, size, 3), "image")]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, classes), "logits"),
                        TensorSpec(np.dtype(np.float32), (-1, -1), "embedding")]))
    model = Model(artifact_path="model", run_id=run_id, signature=signature,
                  metadata={"labels": list(manifest.labels), "input_size": size})
    model.add_flavor("onnx", data="model.onnx", providers=["CPUExecutionProvider"])
    model.save(str(folder / "MLmodel"))


def _client(settings: Settings) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A registry that is away is told to the user in seconds, not after MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    if is_loopback(settings.tracking_uri):
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # standard output belongs to the command's result
    from mlflow import MlflowClient

    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


@contextlib.contextmanager
def _mlflow_errors(settings: Settings) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise CargostreamError(without_password(f"MLflow at {settings.tracking_uri} did not take the model: "
                                                f"{str(error).splitlines()[0]}")) from error
