"""A real MLflow server for tests, and versions in it, good and bad."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cargostream.registry import ask_version, open_registry
from tests.support.postgres import free_port


@dataclass
class Registry:
    """MLflow on its own folder; `start` may be called again after `kill`."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers."""
        env = os.environ | {
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{self.folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(self.folder / "artifacts"),
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true", "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        command = [sys.executable, "-m", "uvicorn", "compose.mlflow_app:app", "--port", str(self.port),
                   "--log-level", "warning"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, "MLflow did not answer within 120 s"
            time.sleep(0.2)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)

    def add(self, name: str, artifact: Path, digest: str | None) -> int:
        """Register a folder as it is, unchecked, as someone else's tool might; its version."""
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        client = MlflowClient(self.uri, self.uri)
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, str(artifact), "model")
        with suppress(MlflowException):  # it is there
            client.create_registered_model(name)
        tags = {"digest": digest} if digest else {}
        return int(client.create_model_version(name, f"runs:/{run}/model", run, tags=tags).version)

    def promote(self, name: str, version: int, alias: str = "champion") -> None:
        """Let an alias point at a version."""
        self._ask("POST", "registered-models/alias", name=name, alias=alias, version=str(version))

    def unname(self, name: str, alias: str) -> None:
        """Let an alias point at nothing."""
        self._ask("DELETE", "registered-models/alias", name=name, alias=alias)

    def delete(self, name: str, version: int) -> None:
        """Remove a version."""
        self._ask("DELETE", "model-versions/delete", name=name, version=str(version))

    def tag(self, name: str, version: int, digest: str) -> None:
        """Say that a version has another digest."""
        self._ask("POST", "model-versions/set-tag", name=name, version=str(version), key="digest", value=digest)

    def digest(self, name: str, version: int) -> str:
        """What the registry says of a version's digest."""
        with open_registry(self.uri) as registry:
            found = ask_version(registry, name, version)
        assert found
        assert found.digest
        return found.digest

    def _ask(self, method: str, path: str, **content: str) -> None:
        httpx.request(method, f"{self.uri}/api/2.0/mlflow/{path}", timeout=30, trust_env=False,
                      json=content).raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.uri}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """A registry that answers, and is gone afterwards."""
    registry = Registry(folder)
    registry.start()
    try:
        yield registry
    finally:
        registry.kill()
