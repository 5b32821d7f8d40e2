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
from tests.support import hostile
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry, running_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("mlflow")) as registry:
        yield registry


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with hostile.mlflow(registry.uri) as client:
        yield client


@pytest.fixture
def run(client: httpx.Client) -> dict[str, Any]:
    return hostile.new_run(client)


@pytest.mark.parametrize("how", hostile.LED)
def test_a_browser_that_was_led_here_is_turned_away(client: httpx.Client, how: str) -> None:
    hostile.turns_away(client, hostile.LED[how])


@pytest.mark.parametrize("source", hostile.SOURCES)
def test_a_version_cannot_lie_outside_the_registry(client: httpx.Client, run: dict[str, Any], source: str) -> None:
    hostile.refuses_source(client, run, source)


def test_a_version_cannot_lie_above_its_run(client: httpx.Client, run: dict[str, Any]) -> None:
    for source in (f"runs:/{run['run_id']}/../../../etc", f"{run['artifact_uri']}/../../.."):
        hostile.refuses_source(client, run, source)


@pytest.mark.parametrize("location", hostile.LOCATIONS)
def test_artifacts_of_an_experiment_cannot_be_put_elsewhere(client: httpx.Client, location: str) -> None:
    hostile.refuses_location(client, location)


@pytest.mark.parametrize("path", hostile.PATHS)
def test_paths_do_not_climb_out_of_the_artifacts(registry: Registry, client: httpx.Client, run: dict[str, Any],
                                                 path: str) -> None:
    before = {file for file in registry.folder.rglob("*") if "artifacts" not in file.parts}
    hostile.refuses_path(client, run, path)
    assert {file for file in registry.folder.rglob("*") if "artifacts" not in file.parts} == before


def test_the_server_offers_no_programs(client: httpx.Client, tmp_path: Path) -> None:
    """MLflow's assistant would run an agent, or write its files anywhere, for whoever asks from this machine."""
    hostile.offers_no_programs(client, tmp_path / "elsewhere")


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
