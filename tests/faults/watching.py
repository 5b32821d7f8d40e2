"""What a running stack shows of itself to others: ports, connections, files, and whatever holds a secret."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import Row

from benchmarks.stack import Stack
from operations.lags import connect
from tests.faults.bench import Bench
from tests.support.hostile import mlflow, told

LARGEST = 300_000_000
FAMILIES = {socket.AF_INET, socket.AF_INET6}


def processes(stack: Stack) -> list[psutil.Process]:
    """The supervisor and all that came of it."""
    supervisor = psutil.Process(int(stack.status()["pid"]))
    return [supervisor, *supervisor.children(recursive=True)]


def listening(stack: Stack) -> dict[tuple[str, int], str]:
    """{(address, port): process name} of every socket that waits for others, of any kind, IPv4 and IPv6."""
    found = {}
    for process in processes(stack):
        with suppress(psutil.NoSuchProcess):
            for one in process.net_connections("inet"):
                waits = one.status == psutil.CONN_LISTEN if one.type == socket.SOCK_STREAM else not one.raddr
                if waits and one.laddr:
                    found[one.laddr.ip, one.laddr.port] = process.name()
    return found


def is_loopback(address: str) -> bool:
    return address.removeprefix("::ffff:").startswith("127.") or address == "::1"


def open_from_outside(ports: set[int]) -> list[tuple[str, int]]:
    """Ports that answer at this machine's other addresses."""
    others = [(one.family, one.address.split("%")[0]) for addresses in psutil.net_if_addrs().values()
              for one in addresses if one.family in FAMILIES and not is_loopback(one.address)]
    found = []
    for family, address in others:
        for port in ports:
            with socket.socket(family) as probe:
                probe.settimeout(2)
                if probe.connect_ex((address, port)) == 0:
                    found.append((address, port))
    return found


@contextmanager
def destinations(process: psutil.Process) -> Iterator[set[tuple[str, int]]]:
    """What a process and its children talk to, looked at some fifty times a second for as long as the context lasts."""
    found: set[tuple[str, int]] = set()

    def look() -> None:
        with suppress(psutil.Error):
            for one in [process, *process.children(recursive=True)]:
                found.update((end.raddr.ip, end.raddr.port) for end in one.net_connections("inet") if end.raddr)

    with looking(look, 0.02):
        yield found


@contextmanager
def looking(look: Callable[[], None], every_s: float) -> Iterator[None]:
    """Look again and again, in a thread, for as long as the context lasts."""
    over = threading.Event()

    def look_for_ever() -> None:
        while not over.wait(every_s):
            look()

    thread = threading.Thread(target=look_for_ever)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Tail:
    """What a part's log gains from now on. One that is full is cut to nothing, and grows again."""

    def __init__(self, stack: Stack, part: str) -> None:
        self._file = stack.home / "logs" / f"{part}.log"
        self._begin = self._size()

    def read(self) -> str:
        with self._file.open("rb") as file:
            file.seek(self._begin if self._size() >= self._begin else 0)
            return file.read().decode(errors="replace")

    def _size(self) -> int:
        return self._file.stat().st_size if self._file.exists() else 0


def moment(bench: Bench) -> datetime:
    """Now, by the target's clock."""
    at: datetime = bench.pipeline.ask("SELECT clock_timestamp() AS at")[0].at
    return at


def events(bench: Bench, kind: str, since: datetime, subject: str = "%") -> list[Row[Any]]:
    """Events of a kind that came after a moment, oldest first; `subject` as in LIKE."""
    return list(bench.pipeline.ask(
        "SELECT severity, subject, detail FROM cargo_event WHERE kind = :kind AND stored_at >= :since "
        "AND subject LIKE :subject ORDER BY stored_at", kind=kind, since=since, subject=subject))


def exposed(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """(place, content) of everything in which a secret has no business: files of the home folder beside `secrets`,
    every record of every topic, what the parts answer, every command line, the environment of other users' processes,
    and what the commands print."""
    settings = stack.settings
    for file in sorted(stack.home.rglob("*")):
        inside = file.relative_to(stack.home).parts[0]
        if inside not in ("secrets", "cache") and file.is_file() and file.stat().st_size < LARGEST:
            yield f"file {file.relative_to(stack.home)}", file.read_bytes()
    yield from _topics(settings.bootstrap)
    yield "Connect's answers", "\n".join(told(settings)).encode()
    with mlflow(settings.tracking_uri) as client:
        for path in ("/version", "/server-info", "/api/2.0/mlflow/experiments/search?max_results=100",
                     "/api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow/nothing", "/"):
            yield f"MLflow's answer to {path}", client.get(path).content
    for number in range(settings.worker_processes):
        with mlflow(f"http://{settings.host}:{settings.worker_port + number}") as client:
            for path in ("/readyz", "/livez", "/nothing"):
                yield f"the worker's answer to {path}", client.get(path).content
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            yield f"the command line of {process.pid}", " ".join(process.cmdline()).encode()
            if process.uids().effective != os.geteuid():
                yield f"the environment of {process.pid}", Path(f"/proc/{process.pid}/environ").read_bytes()
    variables = {**os.environ, "CARGOSTREAM_HOME": str(stack.home), "CARGOSTREAM_CACHE": str(stack.cache)}
    for command in (["status"], ["status", "--json"], ["doctor"], ["logs"], ["connectors", "status"],
                    ["connectors", "plan"], ["up"]):
        done = subprocess.run([sys.executable, "-m", "cargostream", *command], env=variables, capture_output=True,
                              timeout=120, check=False)
        yield f"what `{' '.join(command)}` prints", done.stdout + done.stderr


def _topics(bootstrap: str) -> Iterator[tuple[str, bytes]]:
    for name, topic in connect(bootstrap).list_topics(timeout=20).topics.items():
        reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "watching", "enable.auto.commit": False,
                           "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0})
        try:
            reader.assign([TopicPartition(name, number, 0) for number in topic.partitions])
            open_, silent, content = set(topic.partitions), 0, []
            while open_ and silent < 60:
                came = reader.consume(1000, timeout=0.5)
                silent = 0 if came else silent + 1
                for message in came:
                    if message.error() is not None:
                        open_.discard(message.partition())
                    else:
                        headers = b" ".join(value or b"" for _, value in message.headers() or [])
                        content.append((message.key() or b"") + b" " + (message.value() or b"") + b" " + headers)
            assert not open_, f"{name} could not be read to its end"
            yield f"topic {name}", b"\n".join(content)
        finally:
            reader.close()
