"""Ports: the default block, another free one where it is taken, and the memory of that in `<home>/stack.env`."""

import errno
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from cargostream.errors import CargostreamError, UsageError
from cargostream.settings import Settings

FIELDS = ("source_port", "target_port", "kafka_port", "controller_port", "connect_port", "mlflow_port", "worker_port")
STEP = 100
LAST = 32_000
"""Above it, systems hand ports out to outgoing connections: one of those could take ours between two starts."""


ALONE_S = 60.0
"""So long a start waits for another one before it goes on beside it."""

_NAME = "\0cargostream-starting"
"""A socket without a file (Linux): whoever holds it chooses ports; it is gone with its process."""


@contextmanager
def choosing_alone(waits: Callable[[], None], deadline_s: float = ALONE_S, name: str = _NAME) -> Iterator[None]:
    """Ports that are chosen are free until their services listen: of two stacks that start at once, each would take
    those of the other. So the second waits, and `waits` is called once if it has to."""
    if sys.platform != "linux":
        yield
        return
    deadline = time.monotonic() + deadline_s
    with socket.socket(socket.AF_UNIX) as held:
        told = False
        while not _take(held, name) and time.monotonic() < deadline:
            if not told:
                told = True
                waits()
            time.sleep(0.2)
        yield


def _take(held: socket.socket, name: str) -> bool:
    try:
        held.bind(name)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


@dataclass(frozen=True)
class Moved:
    """A port that was taken: the setting's name, the old and the new port, and who has the old one."""

    field: str
    old: int
    new: int
    holder: str


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: without it, a connection of the last run that is still closing would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Who listens on a port, in words; "another process" where the system does not tell."""
    try:
        for one in psutil.net_connections("tcp"):
            if one.laddr and one.laddr.port == port and one.status == psutil.CONN_LISTEN and one.pid:
                process = psutil.Process(one.pid)
                return f"{process.name()} (process {one.pid}, user {process.username()})"
    except (psutil.Error, OSError):
        pass
    return "another process"


def needed(settings: Settings) -> dict[str, tuple[int, ...]]:
    """The ports behind each setting; worker processes take a row of them."""
    return {field: tuple(range(first, first + (settings.worker_processes if field == "worker_port" else 1)))
            for field in FIELDS for first in (getattr(settings, field),)}


def choose(settings: Settings) -> tuple[dict[str, int], list[Moved]]:
    """Free ports for every setting, and which of them are not the ones that the settings name.

    Raises:
        UsageError: a taken port was asked for by an environment variable, so that it cannot be moved.
        CargostreamError: no free port was found.
    """
    chosen: dict[str, int] = {}
    moved: list[Moved] = []
    used: set[int] = set()
    for field, ports in needed(settings).items():
        usual = Settings.model_fields[field].default
        candidates = (ports[0], *range(usual, LAST, STEP))
        new = next((first for first in candidates if _all_free(settings.host, first, len(ports), used)), None)
        if new != ports[0]:
            taken = next((port for port in ports if not is_free(settings.host, port)), ports[0])
            variable = f"CARGOSTREAM_{field.upper()}"
            if variable in os.environ:
                raise UsageError(f"{variable}: port {taken} is taken by {holder(taken)}; choose another or unset it.")
            if new is None:
                raise CargostreamError(f"No port is free for {field} between {usual} and {LAST}; free one.")
            moved.append(Moved(field, ports[0], new, holder(taken)))
        chosen[field] = new
        used.update(range(new, new + len(ports)))
    return chosen, moved


def _all_free(host: str, first: int, count: int, used: set[int]) -> bool:
    row = range(first, first + count)
    return used.isdisjoint(row) and all(is_free(host, port) for port in row)


def remember(settings: Settings, chosen: dict[str, int]) -> None:
    """Write the ports that differ from the defaults to `<home>/stack.env`, so that the next start takes them again."""
    lines = [f"CARGOSTREAM_{field.upper()}={port}\n" for field, port in chosen.items()
             if port != Settings.model_fields[field].default]
    file = settings.home / "stack.env"
    temporary = file.with_name(f".stack.env.{os.getpid()}")
    temporary.write_text("# Ports that the runner moved because the usual ones were taken.\n" + "".join(lines))
    temporary.rename(file)
