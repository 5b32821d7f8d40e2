"""Whether the worker gets on, as far as that is its own doing.

A worker may wait for as long as it takes: for the broker, for an image or its store, for a model. It is stuck when
records wait, the broker hands them to others, and it answers none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from cargostream.errors import Unavailable
from stream_worker.logs import log
from stream_worker.pipeline import Pipeline

LOOK_S = 5.0
LOOKS = 6
"""Looks in a row without any progress, after which the worker is stuck."""

STUCK_S = LOOK_S * LOOKS

Dues = Mapping[int, int]
"""By partition, the offset that the worker is to take in next."""


class Liveness:
    """Looks at the pipeline every few seconds, on its loop.

    `dues` is None before the worker wanted to join its group. `waits` tells whether the broker has a record from an
    offset on; it raises Unavailable when the broker does not answer.
    """

    def __init__(self, pipeline: Pipeline, dues: Callable[[], Awaitable[Dues | None]],
                 waits: Callable[[Dues], bool]) -> None:
        self._pipeline, self._dues, self._waits = pipeline, dues, waits
        self._seen: object = None
        self._idle_looks = 0

    @property
    def stuck(self) -> bool:
        return self._idle_looks >= LOOKS

    async def look_for_ever(self) -> None:
        """Keep looking."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """See whether anything moved since the last look, and if not, whether it should have."""
        seen = (self._pipeline.positions(), self._pipeline.counts.total())
        moved, self._seen = seen != self._seen, seen
        was = self.stuck
        self._idle_looks = 0 if moved or self._pipeline.occupied or not await self._due() else self._idle_looks + 1
        if self.stuck and not was:
            log.error("stuck", extra={"in_flight": len(self._pipeline.in_flight), "positions": seen[0]})

    async def _due(self) -> bool:
        """Whether a record waits for this worker, and the broker answers."""
        try:
            dues = await self._dues()
            return dues is not None and (await asyncio.to_thread(self._waits, dues) or bool(self._pipeline.in_flight))
        except Unavailable:
            return False
