"""Runs parts in dependency order, keeps them running, and stops them in reverse: one process, one machine.

Every part has a task of its own that waits for what the part needs, starts it and stays with it. Children die with this
process, however it dies: see `launch.py`.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cargostream.errors import Unmendable
from compose import keep
from compose.book import Book
from compose.keep import Keeper, Tell
from compose.logs import cut_logs, in_words, note
from compose.parts import Part, Repeated, Service, Step

LOOK_EVERY = 30.0

log = logging.getLogger(__name__)


class Supervisor:
    """One run of a list of parts. `flowing` names the parts that rows need to flow; `tell` hears of each service that
    was killed because it was stuck."""

    def __init__(self, home: Path, parts: Sequence[Part], flowing: Sequence[str] = (),
                 tell: Tell = lambda name, why: None) -> None:
        self.home = home
        self.parts = {part.name: part for part in parts}
        self.book = Book(home, parts, flowing)
        self.keepers = {part.name: Keeper(home, part, self.book, tell) for part in parts if isinstance(part, Service)}
        self.stopping = asyncio.Event()
        self.broken = False
        self.signals = 0

    async def run(self) -> NoReturn:
        """Run until SIGTERM or SIGINT, stop all parts, exit; a second signal kills them at once.

        A fault of its own stops everything too, with exit status 1: a part that nobody keeps must not look kept.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        self.book.write()
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
            for keeper in self.keepers.values():
                if keeper.child is not None and keeper.child.returncode is None:
                    keeper.child.kill()

    async def _keep(self, part: Part) -> None:
        if not (isinstance(part, Service) and part.eager):
            for need in part.needs:
                await self.book.ready[need].wait()
        if isinstance(part, Service):
            await self.keepers[part.name].keep()
        elif isinstance(part, Step):
            await self._do_step(part)
        else:
            await self._repeat(part)

    async def _do_step(self, part: Step) -> None:
        began, pause = time.monotonic(), 0.25
        self.book.set(part.name, state="starting")
        while True:
            try:
                await asyncio.to_thread(part.run)
            except Exception as error:
                note(self.home, part.name, error)
                failed = isinstance(error, Unmendable) or time.monotonic() - began > part.deadline
                self.book.set(part.name, state="failed" if failed else "backoff", error=in_words(error),
                              restarts=self.book.status[part.name].restarts + 1)
                await asyncio.sleep(keep.LONGEST_PAUSE if failed else pause)
                pause = min(5.0, pause * 2)
            else:
                self.book.note_ready(part.name, time.monotonic() - began)
                return

    async def _repeat(self, part: Repeated) -> None:
        last = ""
        while True:
            try:
                await asyncio.to_thread(part.run)
                last = ""
            except Exception as error:
                if (words := in_words(error)) != last:  # once, not at every turn
                    note(self.home, part.name, error)
                last = words
            await asyncio.sleep(part.every)

    async def _stop_all(self) -> None:
        """Stop services, each after those that need it; kill what does not end in time."""
        over = {name: asyncio.Event() for name in self.parts}

        async def stop(part: Part) -> None:
            for other in self.parts.values():
                if part.name in other.needs:
                    await over[other.name].wait()
            if part.name in self.keepers:
                await self.keepers[part.name].stop()
            if part.name in self.book.status:
                self.book.set(part.name, state="stopped", pid=None)
            over[part.name].set()

        await asyncio.wait([asyncio.create_task(stop(part)) for part in self.parts.values()],
                           timeout=self.book.stop_s)
        for keeper in self.keepers.values():
            await keeper.kill()

    async def _look_after_files(self) -> None:
        """Cut logs that are full, and write the status that could not be written when it changed."""
        while True:
            cut_logs(self.home)
            if not self.book.written:
                self.book.write()
            await asyncio.sleep(LOOK_EVERY)
