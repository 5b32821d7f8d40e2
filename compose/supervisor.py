"""Runs parts in dependency order, keeps them running, and stops them in reverse: one process, one machine.

Every part has a task of its own that waits for what the part needs, starts it and stays with it. What is known is in
`run/status.json`, written anew at each change. Children die with this process, however it dies: see `launch.py`.
"""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NoReturn

from cargostream.errors import CargostreamError
from compose.parts import Part, Repeated, Service, Step, longest_stop

FIRST_STARTS = 4
"""A service that dies before it was ever ready is started so often before it counts as failed. What has failed is
tried again all the same, with the longest pause: its cause may go away."""
LONGEST_PAUSE = 30.0
REFUSED_PAUSE = 2.0
STEADY = 60.0
"""After so many seconds of running, the next death is counted as the first again."""
LOG_LIMIT = 20_000_000
LOOK_EVERY = 30.0

log = logging.getLogger(__name__)
"""Goes to `logs/supervisor.log`, and never raises, also when the disk is full."""


@dataclass
class Status:
    """What `status.json` says of a part; `seconds` is from the start of the part's own work until it was ready."""

    kind: Literal["service", "step"]
    state: Literal["waiting", "starting", "ready", "failed", "stopped", "backoff"] = "waiting"
    pid: int | None = None
    seconds: float | None = None
    restarts: int = 0
    error: str | None = None


class Supervisor:
    """One run of a list of parts. `flowing` names the parts that rows need to flow."""

    def __init__(self, home: Path, parts: Sequence[Part], flowing: Sequence[str] = ()) -> None:
        self.home = home
        self.parts = {part.name: part for part in parts}
        self.flowing = set(flowing)
        self.status = {part.name: Status("service" if isinstance(part, Service) else "step")
                       for part in parts if not isinstance(part, Repeated)}
        self.ready = {name: asyncio.Event() for name in self.status}
        self.children: dict[str, asyncio.subprocess.Process] = {}
        self.stopping = asyncio.Event()
        self.started = time.monotonic()
        self.started_at = datetime.now(UTC).isoformat()
        self.times: dict[str, float] = {}
        self.stop_s = longest_stop(parts) + 3
        self.written = True
        self.broken = False
        self.signals = 0

    async def run(self) -> NoReturn:
        """Run until SIGTERM or SIGINT, stop all parts, exit; a second signal kills them at once.

        A fault of its own stops everything too, with exit status 1: a part that nobody keeps must not look kept.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        self._write()
        tasks = [asyncio.create_task(self._keep(part)) for part in self.parts.values()]
        tasks.append(asyncio.create_task(self._look_after_files()))
        for task in tasks:
            task.add_done_callback(self._ended)
        await self.stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stop_all()
        os._exit(1 if self.broken else 0)  # a step that hangs in its thread must not keep the process

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("The supervisor stops everything after a fault of its own.", exc_info=error)
            self.broken = True
            self.stopping.set()

    def _signalled(self) -> None:
        self.signals += 1
        self.stopping.set()
        if self.signals > 1:
            for child in self.children.values():
                if child.returncode is None:
                    child.kill()

    async def _keep(self, part: Part) -> None:
        if not (isinstance(part, Service) and part.eager):
            for need in part.needs:
                await self.ready[need].wait()
        if isinstance(part, Service):
            await self._keep_service(part)
        elif isinstance(part, Step):
            await self._do_step(part)
        else:
            await self._repeat(part)

    async def _keep_service(self, part: Service) -> None:
        status, deaths = self.status[part.name], 0
        while True:
            began = time.monotonic()
            error = await self._run_once(part, began)
            ran = time.monotonic() - began
            deaths = 1 if status.seconds is not None and ran > STEADY else deaths + 1
            failed = status.seconds is None and (deaths >= FIRST_STARTS or ran > part.deadline)
            self._set(part.name, state="failed" if failed else "backoff", pid=None, error=error)
            await asyncio.sleep(LONGEST_PAUSE if failed else min(LONGEST_PAUSE, 0.25 * 2 ** min(deaths, 10)))
            status.restarts += 1

    async def _run_once(self, part: Service, began: float) -> str:
        """Start a service and stay until its process has ended; returns why, in words."""
        self._set(part.name, state="starting")
        try:
            await asyncio.to_thread(part.prepare)
            child = await self._spawn(part)
        except Exception as error:  # whatever it is, it is this start that failed
            return _words(error)
        self.children[part.name] = child
        self._set(part.name, pid=child.pid)
        ended = asyncio.create_task(child.wait())
        refusal = ""
        try:
            while time.monotonic() - began < part.deadline and not ended.done():
                ready, refusal = await asyncio.to_thread(_answers, part)
                if refusal:
                    self._set(part.name, state="failed", error=refusal)
                if ready:
                    first = self.status[part.name].seconds
                    seconds = round(time.monotonic() - began, 2) if first is None else first
                    self.ready[part.name].set()
                    self._set(part.name, state="ready", seconds=seconds, error=None)
                    await ended
                    return f"{part.name} ended with {_exit_words(child.returncode)}."
                await asyncio.wait([ended], timeout=REFUSED_PAUSE if refusal else 0.1)
            if ended.done():
                return f"{part.name} ended with {_exit_words(child.returncode)} before it was ready."
            child.kill()
            await ended
            return refusal or f"{part.name} was not ready within {part.deadline:.0f} s."
        finally:
            ended.cancel()

    async def _spawn(self, part: Service) -> asyncio.subprocess.Process:
        program = shutil.which(part.argv[0]) or part.argv[0]
        launch = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(int(part.death_signal)),
                  "-" if part.uid is None else str(part.uid), str(os.getpid()), "--")
        log = os.open(self.log_file(part.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *launch, program, *part.argv[1:], stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=part.cwd, env={**os.environ, **part.env}, start_new_session=True)
        finally:
            os.close(log)

    async def _do_step(self, part: Step) -> None:
        began, pause = time.monotonic(), 0.25
        self._set(part.name, state="starting")
        while True:
            try:
                await asyncio.to_thread(part.run)
            except Exception as error:
                self._log(part.name, error)
                late = time.monotonic() - began > part.deadline
                self._set(part.name, state="failed" if late else "backoff", error=_words(error),
                          restarts=self.status[part.name].restarts + 1)
                await asyncio.sleep(LONGEST_PAUSE if late else pause)
                pause = min(5.0, pause * 2)
            else:
                self.ready[part.name].set()
                self._set(part.name, state="ready", seconds=round(time.monotonic() - began, 2), error=None)
                return

    async def _repeat(self, part: Repeated) -> None:
        last = ""
        while True:
            try:
                await asyncio.to_thread(part.run)
                last = ""
            except Exception as error:
                if (words := _words(error)) != last:  # once, not at every turn
                    self._log(part.name, error)
                last = words
            await asyncio.sleep(part.every)

    async def _stop_all(self) -> None:
        """Stop services, each after those that need it; kill what does not end in time."""
        over = {name: asyncio.Event() for name in self.parts}

        async def stop(part: Part) -> None:
            for other in self.parts.values():
                if part.name in other.needs:
                    await over[other.name].wait()
            child = self.children.get(part.name)
            if isinstance(part, Service) and child is not None and child.returncode is None:
                child.send_signal(part.stop_signal)
                try:
                    await asyncio.wait_for(child.wait(), part.stop_deadline)
                except TimeoutError:
                    child.kill()
                    await child.wait()
            if part.name in self.status:
                self._set(part.name, state="stopped", pid=None)
            over[part.name].set()

        await asyncio.wait([asyncio.create_task(stop(part)) for part in self.parts.values()], timeout=self.stop_s)
        for child in self.children.values():
            if child.returncode is None:
                child.kill()
                await child.wait()

    async def _look_after_files(self) -> None:
        """Cut logs that are full, and write the status that could not be written when it changed."""
        while True:
            for file in (self.home / "logs").glob("*.log"):
                try:
                    self._cut(file)
                except OSError as error:
                    log.warning("%s could not be cut: %s", file, error)
            if not self.written:
                self._write()
            await asyncio.sleep(LOOK_EVERY)

    def _cut(self, file: Path) -> None:
        """Services hold their log open for appending, so a full one is copied and cut, not renamed."""
        if file.stat().st_size > LOG_LIMIT:
            shutil.copyfile(file, file.with_suffix(".log.1"))
            os.truncate(file, 0)

    def log_file(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _log(self, name: str, error: Exception) -> None:
        with suppress(OSError), self.log_file(name).open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {_words(error)}\n")

    def _set(self, name: str, **changes: object) -> None:
        for key, value in changes.items():
            setattr(self.status[name], key, value)
        self._write()

    def _write(self) -> None:
        """Write what is known; where that cannot be done, parts are kept running all the same."""
        ready = {name for name, event in self.ready.items() if event.is_set()}
        now = round(time.monotonic() - self.started, 2)
        if self.flowing and self.flowing <= ready:
            self.times.setdefault("flowing_s", now)
        if ready == set(self.status):
            self.times.setdefault("ready_s", now)
        text = json.dumps({"pid": os.getpid(), "started_at": self.started_at, "flowing_s": None, "ready_s": None,
                           "stop_s": self.stop_s, **self.times,
                           "parts": {name: asdict(status) for name, status in self.status.items()}})
        file = self.home / "run" / "status.json"
        temporary = file.with_suffix(".new")
        try:
            temporary.write_text(text)
            temporary.rename(file)
        except OSError as error:
            if self.written:  # once, not at every change
                log.error("%s could not be written: %s", file, error)
            self.written = False
        else:
            self.written = True


def _answers(part: Service) -> tuple[bool, str]:
    """Whether it is ready, and if not, what waiting will not change."""
    try:
        return part.ready(), ""
    except CargostreamError as error:
        return False, str(error)
    except Exception:  # whatever a probe meets while a service comes up, the answer is: not yet
        return False, ""


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, CargostreamError | OSError) else f"{type(error).__name__}: {error}"


def _exit_words(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"


def take_pid_file(home: Path) -> int:
    """Lock `run/supervisor.pid` for the life of this process and write the process id; returns the descriptor.

    Raises:
        CargostreamError: another supervisor runs on this home folder.
    """
    descriptor = os.open(home / "run" / "supervisor.pid", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CargostreamError(f"The stack in {home} is already running; `cargostream down` stops it.") from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
