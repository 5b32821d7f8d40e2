"""`up`, `down`, `logs`, `doctor` and `reset` as typed, on a stack of the test's own, and what they say on failure."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cargostream.settings import load_settings
from compose.state import read_status, running

Run = Callable[..., "subprocess.CompletedProcess[str]"]
FIELDS = ("SOURCE", "TARGET", "KAFKA", "CONTROLLER", "CONNECT", "MLFLOW", "WORKER")


def typed(home: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "cargostream", *command], text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "CARGOSTREAM_HOME": str(home)})


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a command on `<tmp_path>/home`, whose parts have ports of their own; removes everything at the end."""
    home = tmp_path / "home"
    home.mkdir()
    with_ports(home)

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        process = typed(home, *command)
        output, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    yield run
    assert run("reset", "--yes").returncode == 0
    assert not [one.pid for one in psutil.process_iter(["cmdline"]) if str(home) in " ".join(one.info["cmdline"] or [])]


def with_ports(home: Path) -> None:
    sockets = [socket.socket() for _ in FIELDS]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    (home / "stack.env").write_text("".join(
        f"CARGOSTREAM_{field}_PORT={one.getsockname()[1]}\n" for field, one in zip(FIELDS, sockets, strict=True)))
    for one in sockets:
        one.close()


def test_up_down_and_up_again(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    up = run("up", "--only", "connect", "--only", "source")
    assert up.returncode == 0, up.stderr
    assert up.stdout == ""
    for part in ("✓ source", "✓ kafka", "✓ connect", "stop", "logs"):
        assert part in up.stderr
    settings = load_settings(home)
    assert settings.connect_url in up.stderr
    assert httpx.get(f"{settings.connect_url}/connectors", trust_env=False).json() == []
    status = read_status(home)
    assert status is not None
    assert {name: part["state"] for name, part in status["parts"].items()} == {
        "source": "ready", "kafka": "ready", "connect": "ready"}
    assert status["ready_s"] > 0

    again = run("up")
    assert again.returncode == 0
    assert "already running" in again.stderr

    logs = run("logs", "source", "-n", "1")
    assert logs.returncode == 0
    assert len(logs.stdout.splitlines()) == 1
    unknown = run("logs", "nonsense")
    assert unknown.returncode == 2
    assert "connect, kafka" in unknown.stderr

    assert run("down").returncode == 0
    assert not running(home)
    assert not is_open(settings.connect_port)
    assert run("down").returncode == 0
    kept = load_settings(home)
    assert kept.connect_port == settings.connect_port
    assert (home / "data" / "kafka" / "meta.properties").exists()


def test_an_unknown_part_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    up = run("up", "--only", "nonsense")
    assert up.returncode == 2
    assert "There is no part named nonsense; there are: source, target, kafka" in up.stderr
    assert not running(tmp_path / "home")


def test_a_part_that_does_not_start_is_explained(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data" / "kafka").mkdir(parents=True)
    (home / "data" / "kafka" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")
    up = run("up", "--only", "kafka")
    assert up.returncode == 1
    assert "kafka did not start" in up.stderr
    assert "Stored node id 7 doesn't match" in up.stderr
    assert "cargostream doctor" in up.stderr
    assert "Traceback" not in up.stderr
    assert not running(home)


def test_another_admin_password_is_told_and_not_waited_out(run: Run, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("up", "--only", "source").returncode == 0
    assert run("down").returncode == 0
    monkeypatch.setenv("CARGOSTREAM_ADMIN_PASSWORD", "another")
    began = time.monotonic()
    up = run("up", "--only", "source")
    assert time.monotonic() - began < 30
    assert up.returncode == 1
    assert "made with another superuser's password" in " ".join(up.stderr.split())
    assert not running(tmp_path / "home")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_foreground_stack_ends_with_its_command(run: Run, tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "home"
    process = typed(home, "up", "--foreground", "--only", "source")
    wait(lambda: (status := read_status(home)) and status["ready_s"], "the stack is ready")
    wait(lambda: is_open(load_settings(home).source_port), "the server listens")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    wait(lambda: not running(home) and not is_open(load_settings(home).source_port), "all is stopped")


def test_a_taken_port_is_moved_told_and_kept(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = load_settings(home).source_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", before))
        taken.listen()
        up = run("up", "--only", "source")
    assert up.returncode == 0, up.stderr
    moved = load_settings(home).source_port
    assert moved != before
    assert f"Port {before} (source_port) is taken by" in up.stderr
    assert f"process {os.getpid()}" in up.stderr
    assert is_open(moved)


def test_reset_asks_and_removes_everything_but_the_downloads(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run("up", "--only", "source").returncode == 0
    (home / "cache").mkdir()
    data = (home / "data" / "postgres").resolve()
    refused = run("reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert running(home)
    assert run("reset", "--yes").returncode == 0
    assert not running(home)
    assert [file.name for file in home.iterdir()] == ["cache"]
    assert not data.exists()
    with_ports(home)


def test_doctor_finds_what_is_wrong(run: Run, tmp_path: Path) -> None:
    well = run("doctor", "--json")
    assert well.returncode == 0, well.stdout
    findings = {one["subject"]: one for one in json.loads(well.stdout)}
    assert set(findings) >= {"python", "platform", "home", "disk", "memory", "java", "postgres", "downloads",
                             "kafka_port"}
    (tmp_path / "home" / "version").write_text("99\n")
    ill = run("doctor")
    assert ill.returncode == 1
    assert "reset" in ill.stdout


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(condition: Callable[[], object], what: str, deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.05)
