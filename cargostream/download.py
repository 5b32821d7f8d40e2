"""Gets a registered version's artifact: over the registry's own HTTP if it passes artifacts on, as the stack's does,
else with MLflow's client, which knows every kind of store but costs seconds and 200 MB, in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx

from cargostream.addresses import without_password
from cargostream.errors import ModelRefused, Unavailable
from cargostream.registry import ask, open_registry
from cargostream.served import SERVING

TIMEOUT_S = 120
MAX_BYTES = 1_000_000_000

OBJECT_STORES = ("s3", "gs", "wasbs", "abfss", "r2", "b2", "dbfs", "hdfs")
"""Where a model may lie beside the registry's own artifacts. Not in files, nor at an address of anybody's choice: who
may write to the registry could let this machine read its own files or ask its neighbours."""

_PLAIN = re.compile(r"(?:(?!\.+(?:/|$))[\w.,@=+ -]+/)*(?!\.+$)[\w.,@=+ -]+")


def download(uri: str, name: str, version: int, folder: Path, files: Sequence[str] = SERVING) -> None:
    """Put the artifact of a version of the registered model `name` into `folder`, which is made. Blocks.

    `files` are those that are wanted; where MLflow's client has to fetch them, all of them come.

    Raises:
        ModelRefused: it lies where none is fetched from, or a file is larger than any model's is.
        Unavailable: it does not come.
    """
    try:
        with open_registry(uri, TIMEOUT_S) as registry:
            found = ask(registry, "model-versions/get-download-uri", name=name, version=str(version)) or {}
            source = _resolved(registry, str(found["artifact_uri"]))
            if _in_registry(source):
                _over_http(registry, source.path.strip("/"), folder, files)
                return
            if source.scheme not in OBJECT_STORES:
                raise ModelRefused(without_password(
                    f"{name} version {version} does not lie in the registry's artifacts or in an object store, but at "
                    f"{source.geturl()!r}. Register it anew with an MLflow server that serves artifacts."))
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Unavailable(without_password(
            f"Model {name} version {version} cannot be downloaded from {uri}: {error}.")) from error
    _with_mlflow(uri, name, version, folder)


def _resolved(registry: httpx.Client, source: str) -> SplitResult:
    """Where a version lies; most are registered as a path within their run, `runs:/<run>/<path>`."""
    parts = urlsplit(source)
    if parts.scheme != "runs":
        return parts
    run, _, path = parts.path.strip("/").partition("/")
    found = ask(registry, "runs/get", run_id=run) or {}
    return urlsplit(f"{found['run']['info']['artifact_uri']}/{path}")


def _in_registry(source: SplitResult) -> bool:
    plain = _PLAIN.fullmatch(source.path.strip("/")) and not source.query and not source.fragment
    return source.scheme == "mlflow-artifacts" and bool(plain)


def _over_http(registry: httpx.Client, path: str, folder: Path, files: Sequence[str]) -> None:
    """Only the files that are known are asked for; what is missing is for the checks of the artifact to tell."""
    folder.mkdir()
    for file in files:
        with registry.stream("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}/{file}") as answer:
            if answer.status_code != httpx.codes.NOT_FOUND:
                _keep(answer.raise_for_status(), folder / file)


def _keep(answer: httpx.Response, file: Path) -> None:
    with file.open("wb") as kept:
        for part in answer.iter_bytes():
            kept.write(part)
            if kept.tell() > MAX_BYTES:
                raise ModelRefused(f"The registry's {file.name} is larger than {MAX_BYTES / 1e6:,.0f} MB.")


def _with_mlflow(uri: str, name: str, version: int, folder: Path) -> None:
    command = [sys.executable, "-m", "cargostream.fetch_model", name, str(version), str(folder)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri}  # where no other user sees it: it may hold a password
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Model {name} version {version} did not come in {TIMEOUT_S} s.") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(without_password(
            f"Model {name} version {version} cannot be downloaded from {uri}: {last}")[:500])
