"""Fetching against a repository of the test's own: digests, interruptions, refusals, and what is already there."""

import io
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cargostream.errors import CargostreamError, Unavailable
from compose import fetch as module
from compose.fetch import Locked, damaged, fetch, missing, read_lock

JAR, PLUGIN = "org.example:thing:1.0", "org.example:sink:2.0:plugin:tar.gz"


class Handler(SimpleHTTPRequestHandler):
    served: list[str]

    def do_GET(self) -> None:
        self.served.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Repository:
    """A Maven repository in a folder, over HTTP."""

    def __init__(self, folder: Path, address: str, served: list[str]) -> None:
        self.folder, self.address, self.served = folder, address, served

    def publish(self, coordinate: str, body: bytes) -> Locked:
        folder = "plugins/sink" if "tar" in coordinate else "kafka"
        locked = Locked(coordinate, sha256(body).hexdigest(), len(body), folder)
        file = self.folder / locked.url_path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        return locked


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    folder, served = tmp_path / "repository", []
    folder.mkdir()
    handler = type("Recording", (Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Repository(folder, f"http://127.0.0.1:{server.server_port}", served)
    server.shutdown()
    server.server_close()
    thread.join()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(f"sink/{name.replace('_', '-')}.jar")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def lock(monkeypatch: pytest.MonkeyPatch, *lines: Locked) -> None:
    monkeypatch.setattr(module, "read_lock", lambda: list(lines))


def test_the_lock_is_whole() -> None:
    lines = read_lock()
    assert len({one.coordinate for one in lines}) == len(lines) > 90
    assert all(len(one.digest) == 64 and int(one.digest, 16) and one.size > 0 for one in lines)
    assert {one.folder for one in lines} == {"kafka", "plugins/debezium-postgres", "plugins/debezium-jdbc"}
    assert any(one.url_path == "org/apache/kafka/kafka_2.13/4.3.1/kafka_2.13-4.3.1.jar" for one in lines)


def test_files_are_fetched_once_and_checked(repository: Repository, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    jar = repository.publish(JAR, b"a jar")
    plugin = repository.publish(PLUGIN, archive(hibernate=b"wanted", mysql_connector=b"unwanted"))
    lock(monkeypatch, jar, plugin)
    root, received = tmp_path / "jars", []

    fetch(root, repository.address, received.append)
    assert (root / "kafka" / "thing-1.0.jar").read_bytes() == b"a jar"
    assert (root / "plugins" / "sink" / "hibernate.jar").read_bytes() == b"wanted"
    assert not (root / "plugins" / "sink" / "mysql-connector.jar").exists()
    assert sum(received) == jar.size + plugin.size
    assert missing(root) == []

    fetch(root, "http://127.0.0.1:1")  # nothing is asked for again, so nobody need answer
    assert len(repository.served) == 2


def test_an_interrupted_fetch_goes_on_with_what_is_missing(repository: Repository, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = repository.publish(JAR, b"one"), repository.publish("org.example:other:1.0", b"two")
    lock(monkeypatch, first, second)
    (repository.folder / second.url_path).unlink()
    root = tmp_path / "jars"
    with pytest.raises(Unavailable):
        fetch(root, repository.address)
    repository.publish("org.example:other:1.0", b"two")

    fetch(root, repository.address)
    assert repository.served.count(f"/{first.url_path}") == 1
    assert sorted(file.name for file in (root / "kafka").iterdir()) == ["other-1.0.jar", "thing-1.0.jar"]


def test_another_file_than_the_locked_one_is_refused(repository: Repository, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    jar = repository.publish(JAR, b"a jar")
    repository.publish(JAR, b"a bad jar")
    lock(monkeypatch, jar)
    with pytest.raises(CargostreamError, match=f"{JAR} .* SHA-256 .* {jar.digest} is locked"):
        fetch(tmp_path / "jars", repository.address)
    assert list((tmp_path / "jars" / "kafka").iterdir()) == []


def test_a_repository_that_does_not_answer_is_named_with_advice(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    lock(monkeypatch, Locked(JAR, "0" * 64, 1, "kafka"))
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"HTTPS_PROXY.*CARGOSTREAM_MAVEN_MIRROR") as caught:
            fetch(tmp_path / "jars", address)
    assert address in str(caught.value)


def test_a_jar_that_changed_on_the_disk_is_found(repository: Repository, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    lock(monkeypatch, repository.publish(JAR, b"a jar"))
    root = tmp_path / "jars"
    fetch(root, repository.address)
    assert damaged(root) == []
    (root / "kafka" / "thing-1.0.jar").write_bytes(b"a jaR")
    assert damaged(root) == [JAR]
    assert missing(root) == []


def test_an_unpacked_jar_that_was_cut_is_found_and_fetched_again(repository: Repository, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = repository.publish(PLUGIN, archive(hibernate=b"wanted", debezium=b"wanted too"))
    lock(monkeypatch, plugin)
    root = tmp_path / "jars"
    fetch(root, repository.address)
    file = root / "plugins" / "sink" / "debezium.jar"
    file.write_bytes(b"Wanted too")
    assert (missing(root), damaged(root)) == ([], [PLUGIN])
    file.write_bytes(b"want")
    assert (missing(root), damaged(root)) == ([plugin], [PLUGIN])
    file.unlink()
    assert (missing(root), damaged(root)) == ([plugin], [PLUGIN])

    fetch(root, repository.address)
    assert file.read_bytes() == b"wanted too"
    assert (missing(root), damaged(root)) == ([], [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_disk_without_space_is_told(repository: Repository, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    jar = repository.publish(JAR, b"a jar")
    lock(monkeypatch, jar)
    place = jar.place(tmp_path / "jars")
    place.parent.mkdir(parents=True)
    place.with_name(f"{place.name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(CargostreamError, match=r"org.example:thing:1.0 .* No space left .*CARGOSTREAM_CACHE"):
        fetch(tmp_path / "jars", repository.address)
