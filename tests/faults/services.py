"""The processes of a running stack, to be killed, paused and watched by the names that `status` shows."""

import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from os import environ
from typing import Any

import httpx
import psutil

from benchmarks.stack import Stack
from tests.support.postgres import free_port

EVERYTHING = ("source", "target", "kafka", "connect", "worker-0")
"""The parts that rows pass through."""


class Services:
    """The runner's parts, and workers of a test's own beside them. `dead` are the processes that were killed here: the
    runner's status must not name them any more before a stack counts as whole."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.dead: set[int] = set()
        self.own: dict[int, subprocess.Popen[bytes]] = {}
        self._paused: list[psutil.Process] = []
        self._ports: dict[int, int] = {}

    def pid(self, part: str) -> int | None:
        """The part's process id by the runner's status; None while it has none."""
        pid = self.stack.status()["parts"][part]["pid"]
        return None if pid is None else int(pid)

    def process(self, part: str, within_s: float = 90) -> psutil.Process:
        """The part's living process; waits for one that the runner is about to start."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            pid = self.pid(part)
            if pid is not None and pid not in self.dead:
                with suppress(psutil.NoSuchProcess):
                    return psutil.Process(pid)
            time.sleep(0.05)
        raise AssertionError(f"{part} has no process within {within_s:.0f} s: {self.stack.status()['parts'][part]}")

    def family(self, part: str) -> list[psutil.Process]:
        """The part's process and its children: of Postgres, its backends."""
        process = self.process(part)
        return [process, *process.children(recursive=True)]

    def alive(self, part: str) -> bool:
        """Whether the process that the runner knows runs."""
        pid = self.pid(part)
        return pid is not None and pid not in self.dead and psutil.pid_exists(pid)

    def restarts(self, part: str) -> int:
        """How often the runner has started the part again."""
        return int(self.stack.status()["parts"][part]["restarts"])

    def kill(self, *parts: str, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends them (kill -9) to all at once, and wait until they have ended. The runner starts them
        again. Of Postgres it is the postmaster that is hit; its backends notice and go."""
        processes = [self.process(part) for part in parts]
        self.dead |= {process.pid for process in processes}
        for process in processes:
            process.send_signal(number)
        _, left = psutil.wait_procs(processes, 60)
        assert not left, f"{left} did not end within 60 s of signal {number}"

    def kill_supervisor(self, *parts: str) -> None:
        """kill -9 of the supervisor and of these parts, all at once: as when the machine goes."""
        supervisor = psutil.Process(int(self.stack.status()["pid"]))
        processes = [supervisor, *(self.process(part) for part in parts)]
        self.dead |= {process.pid for process in processes}
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # those that are left die with the supervisor
                process.kill()
        _, left = psutil.wait_procs(processes, 60)
        assert not left, f"{left} outlived kill -9"

    def last_words(self, part: str, pid: int) -> str | None:
        """How the part's process `pid` ended, as the runner tells until the next one is ready."""
        status = self.stack.status()["parts"][part]
        told = re.search(r"ended with (.+?)\.?$", status["error"] or "")
        return told.group(1) if told and status["pid"] != pid else None

    def pause(self, *parts: str) -> None:
        """SIGSTOP them with their children."""
        for part in parts:
            for process in self.family(part):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    self._paused.append(process)

    def resume(self) -> None:
        """SIGCONT whatever is paused."""
        while self._paused:
            with suppress(psutil.NoSuchProcess):
                self._paused.pop().resume()

    def hold_down(self, part: str, seconds: float) -> None:
        """Kill a part, and again each time that the runner has started it, for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.alive(part):
                self.kill(part)
            time.sleep(0.1)

    def start_worker(self, index: int, variables: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A worker process of the test's own in the runner's group, beside `worker-0`; `close` ends it."""
        self._ports[index] = free_port()
        log = self.stack.home / "logs" / f"own-worker-{index}.log"
        with log.open("ab") as file:
            self.own[index] = subprocess.Popen(
                [sys.executable, "-m", "cargostream", "worker", "--index", str(index)], stdout=file, stderr=file,
                env={**environ, "CARGOSTREAM_HOME": str(self.stack.home), "CARGOSTREAM_CACHE": str(self.stack.cache),
                     "CARGOSTREAM_WORKER_PORT": str(self._ports[index] - index), **(variables or {})})
        return self.own[index]

    def health(self, index: int) -> dict[str, Any]:
        """What a worker says at /readyz; nothing if it does not answer."""
        settings = self.stack.settings
        port = self._ports.get(index, settings.worker_port + index)
        try:
            return dict(httpx.get(f"http://{settings.host}:{port}/readyz", timeout=5, trust_env=False).json())
        except httpx.HTTPError:
            return {}

    def partitions(self, index: int) -> int:
        """How many partitions a worker has."""
        return len(self.health(index).get("partitions") or ())

    def stop_worker(self, index: int, number: int = signal.SIGTERM) -> int:
        """End a worker of the test's own; its exit status."""
        worker = self.own.pop(index)
        worker.send_signal(signal.SIGCONT)
        worker.send_signal(number)
        try:
            return worker.wait(60)
        finally:
            worker.kill()

    def close(self) -> None:
        """Leave nothing paused, and no worker of the test's own."""
        self.resume()
        for index in list(self.own):
            self.stop_worker(index, signal.SIGKILL)
