"""A password in the registry's address goes to the registry and nowhere else."""

import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cargostream.addresses import is_loopback, without_password
from cargostream.download import download
from cargostream.errors import CargostreamError, Unavailable
from cargostream.registry import ask_aliases, open_registry
from cargostream.settings import Settings
from model_registry.mlflow_rest import versions_of
from model_registry.register import register
from tests.support.artifacts import write_artifact

FETCHER = """#!/bin/sh
echo "$@" > {folder}/argv
echo "$MLFLOW_TRACKING_URI" > {folder}/uri
echo "cannot reach $MLFLOW_TRACKING_URI/x" >&2
exit 1
"""


class Server(BaseHTTPRequestHandler):
    """Answers that a version's artifact lies where only MLflow's client gets it, and nothing else."""

    def do_GET(self) -> None:
        known = "get-download-uri" in self.path and "Authorization" in self.headers
        body = b'{"artifact_uri": "s3://bucket/model"}' if known else b"{}"
        self.send_response(200 if known else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def uri() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://ann:s3cret@127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("text", "shown"), [
    ("http://host:5000", "http://host:5000"), ("https://ann:s3cret@host/x", "https://host/x"),
    ("https://ann:s3c@ret@host", "https://host"), ("https://token@host", "https://host"),
    ("at http://a:b@c and 'http://d:e@f'", "at http://c and 'http://f'"), ("mail ann@host", "mail ann@host"),
])
def test_users_and_passwords_are_left_out(text: str, shown: str) -> None:
    assert without_password(text) == shown


def test_a_password_does_not_hide_where_an_address_leads() -> None:
    assert is_loopback("http://ann:s3cret@localhost:1")
    assert not is_loopback("http://localhost:1@example.org")


def test_no_message_holds_the_password(uri: str, tmp_path: Path) -> None:
    write_artifact(tmp_path / "model")
    settings = Settings(home=tmp_path, mlflow_tracking_uri=uri)
    with open_registry(uri) as registry:
        for failing in (lambda: ask_aliases(registry, "m"), lambda: versions_of(uri, "m"),
                        lambda: register(settings, tmp_path / "model")):
            with pytest.raises(CargostreamError) as caught:
                failing()
            assert "127.0.0.1" in str(caught.value)
            assert "s3cret" not in str(caught.value)


def test_the_fetching_process_is_told_the_address_where_no_one_sees_it(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher = tmp_path / "fetcher"
    fetcher.write_text(FETCHER.format(folder=tmp_path))
    fetcher.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(fetcher))
    with pytest.raises(Unavailable) as caught:
        download(uri, "m", 1, tmp_path / "out")
    assert (tmp_path / "uri").read_text().strip() == uri
    assert "s3cret" not in (tmp_path / "argv").read_text()
    assert "s3cret" not in str(caught.value)
    assert "cannot reach" in str(caught.value)
    assert os.environ.get("MLFLOW_TRACKING_URI") is None
