"""Gets a registered version's artifact: over the registry's own HTTP if it passes artifacts on, as the stack's does,
else with MLflow's client, which knows every kind of store but costs seconds and 200 MB, in a process of its own."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from cargostream.errors import Unavailable
from cargostream.served import GOLDEN, MANIFEST, MODEL

TIMEOUT_S = 120


def download(uri: str, name: str, version: int, folder: Path) -> None:
    """Put the artifact of a version of the registered model `name` into `folder`, which is made. Blocks.

    Raises:
        Unavailable: it does not come.
    """
    try:
        with httpx.Client(base_url=uri, timeout=TIMEOUT_S, trust_env=not is_loopback(uri)) as registry:
            answer = registry.get("/api/2.0/mlflow/model-versions/get-download-uri",
                                  params={"name": name, "version": str(version)})
            source = urlsplit(str(answer.raise_for_status().json()["artifact_uri"]))
            if source.scheme == "mlflow-artifacts":
                _over_http(registry, source.path.strip("/"), folder)
                return
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Unavailable(f"Model {name} version {version} cannot be downloaded from {uri}: {error}.") from error
    _with_mlflow(uri, name, version, folder)


def is_loopback(uri: str) -> bool:
    """Whether a proxy that the environment names must stay out of it."""
    return urlsplit(uri).hostname in ("127.0.0.1", "localhost", "::1")


def _over_http(registry: httpx.Client, path: str, folder: Path) -> None:
    """Only the files that are known are asked for; what is missing is for the checks of the artifact to tell."""
    folder.mkdir()
    for file in (MANIFEST, MODEL, GOLDEN):
        answer = registry.get(f"/api/2.0/mlflow-artifacts/artifacts/{path}/{file}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            (folder / file).write_bytes(answer.raise_for_status().content)


def _with_mlflow(uri: str, name: str, version: int, folder: Path) -> None:
    command = [sys.executable, "-m", "stream_worker.fetch_model", uri, name, str(version), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Model {name} version {version} did not come in {TIMEOUT_S} s.") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"Model {name} version {version} cannot be downloaded from {uri}: {last[:300]}")
