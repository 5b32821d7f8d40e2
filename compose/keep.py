"""Keeps one service running: starts it, asks whether it lives, starts it again when it ends, however it ends."""

import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cargostream.errors import CargostreamError
from compose.book import Book
from compose.environment import of_another_user, of_this_user
from compose.logs import in_words, log_file
from compose.parts import Service

FIRST_STARTS = 4
"""A service that dies before it was ever ready is started so often before it counts as failed. What has failed is
tried again all the same, with the longest pause: its cause may go away."""
LONGEST_PAUSE = 30.0
REFUSED_PAUSE = 2.0
STEADY = 60.0
"""After so many seconds of running, the next death is counted as the first again."""
ASK_EVERY = 5.0
REFUSALS = 6
"""A service that is ready and then does not answer so often, one time after the other, is hung."""

log = logging.getLogger(__name__)

Tell = Callable[[str, str], None]
"""Hears of a service that was killed because it was stuck: its name, and why, in words. It may block."""


class Keeper:
    """One service of one run; `child` is its process, once there was one."""

    def __init__(self, home: Path, part: Service, book: Book, tell: Tell) -> None:
        self.child: asyncio.subprocess.Process | None = None
        self._home, self._part, self._book, self._tell = home, part, book, tell
        self._told: asyncio.Future[None] | None = None

    async def keep(self) -> None:
        """Keep it running, for ever."""
        part, status, deaths = self._part, self._book.status[self._part.name], 0
        while True:
            began = time.monotonic()
            error = await self._run_once(began)
            ran = time.monotonic() - began
            deaths = 1 if status.seconds is not None and ran > STEADY else deaths + 1
            failed = status.seconds is None and (deaths >= FIRST_STARTS or ran > part.deadline)
            self._book.set(part.name, state="failed" if failed else "backoff", pid=None, error=error)
            await asyncio.sleep(LONGEST_PAUSE if failed else min(LONGEST_PAUSE, 0.25 * 2 ** min(deaths, 10)))
            status.restarts += 1

    async def stop(self) -> None:
        """End it, by force when it does not end in time."""
        if self.child is None or self.child.returncode is not None:
            return
        self.child.send_signal(self._part.stop_signal)
        try:
            await asyncio.wait_for(self.child.wait(), self._part.stop_deadline)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it by force."""
        if self.child is not None and self.child.returncode is None:
            self.child.kill()
            await self.child.wait()

    async def _run_once(self, began: float) -> str:
        """Start it and stay until its process has ended; returns why, in words."""
        part = self._part
        self._book.set(part.name, state="starting")
        try:
            await asyncio.to_thread(part.prepare)
            self.child = child = await self._spawn()
        except Exception as error:  # whatever it is, it is this start that failed
            return in_words(error)
        self._book.set(part.name, pid=child.pid)
        ended = asyncio.create_task(child.wait())
        refusal = ""
        try:
            while time.monotonic() - began < part.deadline and not ended.done():
                ready, refusal = await asyncio.to_thread(_asked, part.ready)
                if refusal:
                    self._book.set(part.name, state="failed", error=refusal)
                if ready:
                    self._book.note_ready(part.name, time.monotonic() - began)
                    return await self._watch(child, ended)
                await asyncio.wait([ended], timeout=REFUSED_PAUSE if refusal else 0.1)
            if ended.done():
                return f"{part.name} ended with {_exit_words(child.returncode)} before it was ready."
            await self.kill()
            return refusal or f"{part.name} was not ready within {part.deadline:.0f} s."
        finally:
            ended.cancel()

    async def _watch(self, child: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> str:
        """Stay with a service that was ready until it ends; one that is hung, or says itself that it is stuck, is
        killed."""
        name, refusals = self._part.name, 0
        while not ended.done():
            await asyncio.wait([ended], timeout=None if self._part.alive is None else ASK_EVERY)
            if self._part.alive is None or ended.done():
                continue
            alive, stuck = await asyncio.to_thread(_asked, self._part.alive)
            refusals = 0 if alive else refusals + 1
            if ended.done() or not (stuck or refusals >= REFUSALS):
                continue
            why = stuck or f"{name} did not answer for {REFUSALS * ASK_EVERY:.0f} s"
            log.error("%s: it is killed and started again.", why)
            await self.kill()
            self._told = asyncio.get_running_loop().run_in_executor(None, self._tell, name, why)
            return f"{why} and was killed."
        return f"{name} ended with {_exit_words(child.returncode)}."

    async def _spawn(self) -> asyncio.subprocess.Process:
        part = self._part
        program = shutil.which(part.argv[0]) or part.argv[0]
        launch = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(int(part.death_signal)),
                  "-" if part.uid is None else str(part.uid), str(os.getpid()), "--")
        seen = of_this_user(part.secrets) if part.uid is None else of_another_user()
        output = os.open(log_file(self._home, part.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *launch, program, *part.argv[1:], stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=part.cwd, env={**seen, **part.env}, start_new_session=True)
        finally:
            os.close(output)


def _asked(probe: Callable[[], bool]) -> tuple[bool, str]:
    """What a probe answers, and if it is no, what waiting will not change."""
    try:
        return probe(), ""
    except CargostreamError as error:
        return False, str(error)
    except Exception:  # whatever it meets on the way to the service: no answer
        return False, ""


def _exit_words(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
