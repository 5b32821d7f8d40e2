"""Ports: kept where free, moved where taken, remembered, refused where the user insists."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from cargostream.errors import UsageError
from cargostream.settings import Settings, load_settings
from compose.ports import FIELDS, choose, choosing_alone, holder, is_free, remember


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def settings_with(home: Path, **ports: int) -> Settings:
    home.mkdir(exist_ok=True)
    (home / "stack.env").write_text("".join(f"CARGOSTREAM_{name.upper()}={port}\n" for name, port in ports.items()))
    return load_settings(home)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_a_taken_port_is_moved_told_and_remembered(taken: int, tmp_path: Path) -> None:
    settings = settings_with(tmp_path, kafka_port=taken)
    chosen, moved = choose(settings)
    assert [(one.field, one.old, one.new) for one in moved if one.old == taken] == [
        ("kafka_port", taken, chosen["kafka_port"])]
    assert is_free("127.0.0.1", chosen["kafka_port"])

    remember(settings, chosen)
    again = load_settings(tmp_path)
    assert again.kafka_port == chosen["kafka_port"]
    assert choose(again) == (chosen, [])


def test_free_ports_stay_as_they_are(tmp_path: Path) -> None:
    wanted = dict(zip(FIELDS, free_ports(len(FIELDS)), strict=True))
    chosen, moved = choose(settings_with(tmp_path, **wanted))
    assert (chosen, moved) == (wanted, [])


def test_no_two_parts_get_the_same_port(tmp_path: Path) -> None:
    port, = free_ports(1)
    chosen, _ = choose(settings_with(tmp_path, kafka_port=port, connect_port=port))
    assert len(set(chosen.values())) == len(chosen)


def test_worker_processes_take_ports_in_a_row(tmp_path: Path) -> None:
    settings = settings_with(tmp_path).model_copy(update={"worker_processes": 3, "mlflow_port": 18_001})
    chosen, _ = choose(settings)
    assert not {chosen["worker_port"] + index for index in range(3)} & {chosen["mlflow_port"]}


def test_a_port_that_the_environment_asks_for_is_not_moved(taken: int, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOSTREAM_KAFKA_PORT", str(taken))
    with pytest.raises(UsageError, match=f"CARGOSTREAM_KAFKA_PORT: port {taken} is taken by"):
        choose(load_settings(tmp_path))


def test_the_holder_is_named(taken: int) -> None:
    assert f"process {psutil.Process().pid}" in holder(taken)


def test_an_unknown_holder_is_another_process() -> None:
    assert holder(1) == "another process"


@pytest.mark.skipif(sys.platform != "linux", reason="sockets without a file are Linux's")
def test_of_two_starts_the_second_waits_for_the_first_but_not_for_ever() -> None:
    waited: list[str] = []

    def start(who: str) -> AbstractContextManager[None]:
        return choosing_alone(lambda: waited.append(who), 0.1, f"\0cargostream-test-{os.getpid()}")

    with start("first"), start("second"):
        pass
    with start("third"):
        pass
    assert waited == ["second"]
