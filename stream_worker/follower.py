"""Follows the alias champion: the model in service is the one that the registry names, if it can be trusted.

A version that fails any step never serves; the one before goes on. While the registry is away, what is loaded keeps
serving; at the start the last champion in the cache serves, unconfirmed until the registry answers.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import httpx

from cargostream.cache import Cache, Pointer
from cargostream.errors import ModelRefused, Unavailable
from cargostream.records import CHAMPION
from cargostream.registry import Registered, ask_aliases, ask_version, open_registry
from cargostream.served import ServedModel, open_model
from stream_worker.logs import log

RETRY_S = 10.0
"""How long a version whose download failed is left alone."""

Report = Callable[[str, str, str, str], None]
"""Reports an event: kind, severity, subject, detail."""


class Follower:
    """`model` may be read from any thread, once a record; it changes between two records."""

    def __init__(self, cache: Cache, uri: str, name: str, poll_s: float, report: Report) -> None:
        self.model: ServedModel | None = None
        self.previous: ServedModel | None = None
        self.confirmed = False
        self.registry = "not asked yet"
        self.loaded = asyncio.Event()
        self._cache, self._uri, self._name, self._poll_s, self._report = cache, uri, name, poll_s, report
        self._refused: set[Registered] = set()
        self._unreachable: dict[Registered, float] = {}

    def current(self) -> ServedModel:
        """The model in service. Only to be asked once `loaded` is set."""
        if self.model is None:
            raise Unavailable("No model has been loaded.")
        return self.model

    async def follow(self) -> None:
        """Serve from the cache at once, then follow the registry for ever."""
        await self._start_from_cache()
        with open_registry(self._uri) as registry:
            while True:
                try:
                    champion = await asyncio.to_thread(self._ask, registry)
                except Unavailable as error:
                    self._note(f"unreachable: {error}")
                else:
                    await self._consider(champion)
                await asyncio.sleep(self._poll_s)

    def _ask(self, registry: httpx.Client) -> Registered | None:
        version = ask_aliases(registry, self._name).get(CHAMPION)
        return None if version is None else ask_version(registry, self._name, version)

    async def _start_from_cache(self) -> None:
        pointer = self._cache.last_champion(self._name)
        if pointer is None:
            return
        try:
            self._serve(await self._open(pointer.version, pointer.digest))
        except ModelRefused as error:
            log.warning("cached model refused", extra={"detail": str(error)})

    async def _consider(self, champion: Registered | None) -> None:
        if champion is None:
            self._note(f"no version of {self._name} is champion")
            return
        self._note("reachable")
        if self.model and self.model.version == champion.version and champion.digest in (None, self.model.digest):
            self.confirmed = True
            return
        if champion in self._refused or self._unreachable.get(champion, 0) > time.monotonic():
            return
        try:
            model = await self._get(champion)
        except ModelRefused as error:
            self._refused.add(champion)
            self._report("model_refused", "alarm", f"version {champion.version}", str(error))
            return
        except Unavailable as error:
            if champion not in self._unreachable:
                self._report("model_unavailable", "alarm", f"version {champion.version}", str(error))
            self._unreachable[champion] = time.monotonic() + RETRY_S
            return
        self._serve(model)
        self.confirmed = True
        self._remember(model)
        before = f"version {self.previous.version}" if self.previous else "none"
        self._report("model_swapped", "info", f"version {model.version}", f"The model in service was {before} before.")

    async def _get(self, champion: Registered) -> ServedModel:
        """The champion, from the cache if its digest is known and what is there is sound, else downloaded."""
        if champion.digest is not None and self._cache.path(champion.digest).is_dir():
            try:
                return await self._open(champion.version, champion.digest)
            except ModelRefused as error:
                log.warning("cached model refused", extra={"detail": str(error)})
        digest = await asyncio.to_thread(self._cache.fetch, self._uri, self._name, champion.version)
        if champion.digest not in (None, digest):
            raise ModelRefused(f"Version {champion.version} has the digest {digest[:12]}, the registry says "
                               f"{(champion.digest or '')[:12]}: register it again.")
        return await self._open(champion.version, digest)

    async def _open(self, version: int, digest: str) -> ServedModel:
        # One thread a prediction: images are predicted side by side, one on each core.
        opened = partial(open_model, self._cache.path(digest), 1, version=version, digest=digest)
        return await asyncio.to_thread(opened)

    def _serve(self, model: ServedModel) -> None:
        self.previous, self.model = self.model, model
        self.loaded.set()
        log.info("model in service", extra={"model_version": model.version, "digest": model.digest[:12]})

    def _remember(self, model: ServedModel) -> None:
        try:
            self._cache.remember(Pointer(self._name, model.version, model.digest))
        except OSError as error:  # a full disk must not stop a model that serves
            log.warning("champion not remembered", extra={"detail": str(error)})

    def _note(self, state: str) -> None:
        if state != self.registry:
            self.registry = state
            log.info("registry", extra={"state": state})
