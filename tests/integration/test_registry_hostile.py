"""MLflow as it is started here refuses what would make it, or whoever asks it for a model, touch anything else."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cargostream.download import download
from cargostream.errors import ModelRefused
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry

SOURCES = ("file:///etc/passwd", "/etc/passwd", "../../etc", "FILE:///etc", "file://localhost/etc/passwd",
           "http://127.0.0.1:9/x", "https://localhost/x", "ftp://localhost/x", "sftp://localhost/x",
           "gopher://localhost/", "s3://bucket/x", "dbfs:/x", "mlflow-artifacts:/../../etc",
           "mlflow-artifacts:/%2e%2e/%2e%2e/etc", "mlflow-artifacts://127.0.0.1:9/0/x", "models:/m-123")
LOCATIONS = ("file:///etc", "/etc", "../etc", "http://127.0.0.1:9/x", "s3://bucket/x", "mlflow-artifacts:/../..",
             "mlflow-artifacts:/0/another")
PATHS = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/etc/passwd",
         "/etc/passwd", "%2fetc%2fpasswd", "a/%2e%2e/%2e%2e/b")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    registry = Registry(tmp_path_factory.mktemp("mlflow"))
    registry.start()
    yield registry
    registry.kill()


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.uri, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def run(client: httpx.Client) -> dict[str, Any]:
    made = client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
    return dict(made.raise_for_status().json()["run"]["info"])


def raw(client: httpx.Client, method: str, path: str) -> httpx.Response:
    """A request whose path goes out as it is written."""
    url = client.base_url.copy_with(raw_path=path.encode())
    return client.send(httpx.Request(method, url, content=b"planted" if method == "PUT" else None))


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}],
                         ids=["a name that was bound anew to this machine", "another site's page"])
def test_a_browser_that_was_led_here_is_turned_away(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/api/2.0/mlflow/registered-models/create", json={"name": "led"}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/api/2.0/mlflow/registered-models/get", params={"name": "led"}).status_code == 404


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("with_run", [False, True], ids=["", "of a run"])
def test_a_version_cannot_lie_outside_the_registry(client: httpx.Client, run: dict[str, Any], source: str,
                                                   with_run: bool) -> None:
    client.post("/api/2.0/mlflow/registered-models/create", json={"name": "outside"})
    answer = client.post("/api/2.0/mlflow/model-versions/create", json={
        "name": "outside", "source": source, **({"run_id": run["run_id"]} if with_run else {})})
    assert answer.status_code == 400, answer.text


def test_a_version_cannot_lie_above_its_run(client: httpx.Client, run: dict[str, Any]) -> None:
    client.post("/api/2.0/mlflow/registered-models/create", json={"name": "above"})
    for source in (f"runs:/{run['run_id']}/../../../etc", f"{run['artifact_uri']}/../../.."):
        answer = client.post("/api/2.0/mlflow/model-versions/create", json={
            "name": "above", "source": source, "run_id": run["run_id"]})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("location", LOCATIONS)
def test_artifacts_of_an_experiment_cannot_be_put_elsewhere(client: httpx.Client, location: str) -> None:
    for api in ("api", "ajax-api"):
        answer = client.post(f"/{api}/2.0/mlflow/experiments/create",
                             json={"name": f"{api} {location}", "artifact_location": location})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("path", PATHS)
def test_paths_do_not_climb_out_of_the_artifacts(registry: Registry, client: httpx.Client, run: dict[str, Any],
                                                 path: str) -> None:
    before = {file for file in registry.folder.rglob("*") if "artifacts" not in file.parts}
    assert raw(client, "GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}").status_code in (400, 404)
    assert raw(client, "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}-planted").status_code in (400, 404)
    for asked in ("/get-artifact", "/api/2.0/mlflow/artifacts/list", "/ajax-api/2.0/mlflow/get-artifact"):
        answer = client.get(asked, params={"path": path, "run_uuid": run["run_id"], "run_id": run["run_id"]})
        assert answer.status_code in (400, 404), f"{asked}: {answer.text}"
    assert {file for file in registry.folder.rglob("*") if "artifacts" not in file.parts} == before
    assert not Path("/etc/passwd-planted").exists()


def test_the_server_runs_no_jobs(client: httpx.Client) -> None:
    answer = client.post("/ajax-api/3.0/jobs/", json={"job_name": "invoke_scorer", "params": {}})
    assert answer.status_code >= 400


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A registry that says that its models lie elsewhere."""

    asked: list[str]
    source = ""

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        body = (b'{"artifact_uri": "%s"}' % self.source.encode() if "get-download-uri" in self.path else
                b'{"run": {"info": {"artifact_uri": "%s"}}}' % self.source.encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, type[Elsewhere]]]:
    handler = type("Handler", (Elsewhere,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("source", [
    "file://{folder}", "{folder}", "http://127.0.0.1:{port}/canary", "https://127.0.0.1:{port}/canary",
    "ftp://127.0.0.1:{port}/canary", "sftp://127.0.0.1/canary", "models:/m-1", "HTTP://127.0.0.1:{port}/canary", "",
    "javascript:x"])
def test_a_model_is_fetched_from_no_other_place_than_the_registry_or_an_object_store(
        elsewhere: tuple[str, type[Elsewhere]], tmp_path: Path, source: str) -> None:
    """Nor would it help whoever may write to the registry to let the worker read a folder of its own machine."""
    uri, handler = elsewhere
    (tmp_path / "here").mkdir()
    write_artifact(tmp_path / "here" / "model")
    handler.source = source.format(folder=tmp_path / "here" / "model", port=uri.rsplit(":", 1)[1])
    with pytest.raises(ModelRefused, match="does not lie in the registry"):
        download(uri, "any", 1, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    assert not [path for path in handler.asked if "canary" in path]


def test_a_path_of_the_registrys_cannot_lead_out_of_its_artifacts(elsewhere: tuple[str, type[Elsewhere]],
                                                                 tmp_path: Path) -> None:
    uri, handler = elsewhere
    for number, source in enumerate(("mlflow-artifacts:/../../x", "mlflow-artifacts:/%2e%2e/x",
                                     "mlflow-artifacts:/a?x=", "mlflow-artifacts:/a/../b")):
        handler.source = source
        with pytest.raises(ModelRefused, match="does not lie in the registry"):
            download(uri, "any", 1, tmp_path / f"fetched-{number}")
    assert not [path for path in handler.asked if "mlflow-artifacts" in path]
