"""Follows the registry's aliases: who holds a seat is the version that its alias names, if it can be trusted.

A version that fails any step never serves; the one before goes on. While the registry is away, what is loaded keeps
serving; at the start the last champion in the cache serves, unconfirmed until the registry answers.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from cargostream.cache import Cache, Pointer
from cargostream.errors import ModelRefused, Unavailable
from cargostream.registry import Registered, ask_aliases, ask_version, open_registry
from stream_worker.logs import log
from stream_worker.seat import Holder, Seat, Versioned

RECHECK_S = 30.0
"""How often a version is looked at again whose alias has not moved: what the registry says of it may have changed."""

RETRY_S = 10.0
"""How long a version whose download failed is left alone."""

Report = Callable[[str, str, str, str], None]
"""Reports an event: kind, severity, subject, detail."""


class Follower:
    """One poll asks for all aliases; what a seat then has to do, such as a download, holds up no other."""

    def __init__(self, cache: Cache, uri: str, name: str, poll_s: float, seats: Sequence[Seat[Any]],
                 report: Report) -> None:
        self.registry = "not asked yet"
        self.registry_failures = 0
        self._cache, self._uri, self._name, self._poll_s, self._seats, self._report = (
            cache, uri, name, poll_s, seats, report)
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def follow(self) -> None:
        """Serve from the cache at once, then follow the registry for ever."""
        for seat in self._seats:
            await self._start_from_cache(seat)
        with open_registry(self._uri) as registry:
            while True:
                try:
                    aliases = await asyncio.to_thread(ask_aliases, registry, self._name)
                except Unavailable as error:
                    self._unreachable(error)
                else:
                    self._note("reachable")
                    self._look(registry, aliases)
                await asyncio.sleep(self._poll_s)

    def put_aside(self, seat: Seat[Holder], holder: Holder, reason: str) -> None:
        """A holder has turned out to be no good: its seat stays empty until the alias moves."""
        if seat.holder is holder:
            seat.give(None)
            seat.refused |= seat.wanted is not None and seat.wanted.version == holder.version
            self._hindered(seat, "refused", f"version {holder.version}", reason)

    def _look(self, registry: httpx.Client, aliases: dict[str, int]) -> None:
        for seat in self._seats:
            task = self._at_work.get(seat.alias)
            if task is None or task.done():
                if task is not None:
                    task.result()  # a fault of ours ends the worker
                self._at_work[seat.alias] = asyncio.create_task(self._consider(seat, registry, aliases.get(seat.alias)))

    async def _consider(self, seat: Seat[Holder], registry: httpx.Client, version: int | None) -> None:
        if version is None:
            seat.asked = None
            self._unnamed(seat)
            return
        if version == seat.asked and time.monotonic() < seat.due:
            return
        try:
            wanted = await asyncio.to_thread(ask_version, registry, self._name, version)
        except Unavailable as error:
            self._unreachable(error)
            return
        if seat.asked != version or seat.wanted != wanted:
            seat.wanted, seat.refused = wanted, False
        seat.asked, seat.due = version, time.monotonic() + RECHECK_S
        if wanted is None:
            self._hindered(seat, "unavailable", f"version {version}", f"{self._name} has no such version any more.")
        elif not seat.refused:
            await self._fill(seat, wanted)

    async def _fill(self, seat: Seat[Holder], wanted: Registered) -> None:
        """Let the version have its seat, unless it has it."""
        if (holder := seat.holder) and holder.version == wanted.version and wanted.digest in (None, holder.digest):
            seat.confirmed, seat.problem = True, None
            await asyncio.to_thread(self._cache.use, holder.digest)
            return
        try:
            holder = await asyncio.to_thread(self._load, seat, wanted)
        except ModelRefused as error:
            seat.refused = True
            self._hindered(seat, "refused", f"version {wanted.version}", str(error))
        except Unavailable as error:
            seat.due = time.monotonic() + RETRY_S
            self._hindered(seat, "unavailable", f"version {wanted.version}", str(error))
        else:
            before = self._serve(seat, holder)
            seat.confirmed = True
            seat.counts["swapped"] += 1
            self._report(f"{seat.kind}_swapped", "info", f"version {holder.version}", f"The {seat.alias} in service "
                         f"was {f'version {before.version}' if before else 'none'} before.")
            await asyncio.to_thread(self._keep, seat, holder)

    def _load(self, seat: Seat[Holder], wanted: Registered) -> Holder:
        """The version opened, from the cache if its digest is known and what is there is sound, else downloaded."""
        if wanted.digest is not None and self._cache.path(wanted.digest).is_dir():
            try:
                return self._open(seat, wanted.version, wanted.digest)
            except ModelRefused as error:
                log.warning("cached model refused", extra={"detail": str(error)})
        digest = self._cache.fetch(self._uri, self._name, wanted.version)
        if wanted.digest not in (None, digest):
            raise ModelRefused(f"Version {wanted.version} has the digest {digest[:12]}, the registry says "
                               f"{(wanted.digest or '')[:12]}: register it again.")
        return self._open(seat, wanted.version, digest)

    def _open(self, seat: Seat[Holder], version: int, digest: str) -> Holder:
        self._cache.use(digest)
        try:
            return seat.open(self._cache.path(digest), version, digest)
        except (ModelRefused, Unavailable):
            raise
        except Exception as error:  # an artifact can be wrong in more ways than are known; none may end the worker
            raise ModelRefused(f"Version {version} cannot be opened: {type(error).__name__} {error}.") from error

    async def _start_from_cache(self, seat: Seat[Holder]) -> None:
        pointer = self._cache.last_champion(self._name) if seat.lasting else None
        if pointer is None:
            return
        try:
            self._serve(seat, await asyncio.to_thread(self._open, seat, pointer.version, pointer.digest))
        except ModelRefused as error:
            log.warning("cached model refused", extra={"detail": str(error)})

    def _serve(self, seat: Seat[Holder], holder: Holder) -> Holder | None:
        before = seat.give(holder)
        if before is not None:
            seat.close(before)
        log.info("model in service", extra={"alias": seat.alias, "model_version": holder.version,
                                            "digest": holder.digest[:12]})
        return before

    def _keep(self, seat: Seat[Any], holder: Versioned) -> None:
        """What was just opened is the one to start with; what was long not used may go."""
        try:
            if seat.lasting:
                self._cache.remember(Pointer(self._name, holder.version, holder.digest))
            self._cache.prune()
        except OSError as error:  # a full disk must not stop a model that serves
            log.warning("the model cache cannot be kept", extra={"detail": str(error)})

    def _unnamed(self, seat: Seat[Any]) -> None:
        if seat.lasting:
            self._hindered(seat, "unavailable", f"alias {seat.alias}", f"No version of {self._name} is {seat.alias}.",
                           "alarm" if seat.holder else "info")  # there was none to lose at the very first start
        elif (left := seat.give(None)) is not None:
            seat.close(left)
            self._report(f"{seat.kind}_swapped", "info", f"version {left.version}", f"It is {seat.alias} no more.")

    def _hindered(self, seat: Seat[Any], kind: str, subject: str, reason: str, severity: str = "alarm") -> None:
        if seat.hindered(kind, subject, reason):
            self._report(f"{seat.kind}_{kind}", severity, subject, reason)

    def _unreachable(self, error: Unavailable) -> None:
        self.registry_failures += not self.registry.startswith("unreachable")
        self._note(f"unreachable: {error}")

    def _note(self, state: str) -> None:
        if state != self.registry:
            self.registry = state
            log.info("registry", extra={"state": state})
