"""Work in flight: records in, answers sent, partitions acknowledged as far as they are answered.

Everything here runs on the event loop but `_serve`, which threads run: it reads, decodes, predicts and sends. Kafka is
behind the sender, and who consumes is not known here.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from cargostream.errors import Unavailable
from cargostream.images import ImageStore
from stream_worker.handler import Model, condemn, handle
from stream_worker.journal import Journal
from stream_worker.logs import give_up, log
from stream_worker.outcomes import Coordinates, NotYet, Outcome, Outgoing, Unreadable, Wait, to_record
from stream_worker.window import Receipt, Window
from stream_worker.work import Limits, Work

WAITING_MAX = 1024
"""Records that may wait for their images at once; with more, no new ones are taken in until some are answered."""

RETRY_S = {Wait.FILE: 0.1, Wait.STORE: 0.5, Wait.FAULT: 0.5}
FAULTS_MAX = 3


class Sends(Protocol):
    """What the pipeline asks of a sender."""

    def send(self, outgoing: Outgoing, token: Work) -> None: ...


class Pipeline:
    """`windows` are those of the current assignment; work for any other is dropped and never acknowledged.

    The journal has a slot for each thread, and one for the record for which the process gives up.
    `convicted` tries a record that the journal suspects; it blocks, and raises Unavailable if it cannot tell.
    `answered` hears on the loop of each live record that is through, and must not hold it up.
    """

    def __init__(self, limits: Limits, store: ImageStore, model: Callable[[], Model], journal: Journal,
                 convicted: Callable[[bytes | None, bytes | None], bool],
                 answered: Callable[[Work], None] = lambda _: None) -> None:
        self.limits = limits
        self.windows: dict[int, Window] = {}
        self.counts: Counter[str] = Counter()
        self.last_answer: datetime | None = None
        self.waits: set[Work] = set()
        self.in_flight: set[Work] = set()
        self._store, self._model, self._journal = store, model, journal
        self._convicted, self._answered = convicted, answered
        self._room = asyncio.Semaphore(limits.window)
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._threads: list[Thread] = []

    def start(self, sender: Sends) -> None:
        """Start the threads; they send through `sender`, whose confirmations must come to `confirm`."""
        self._sender = sender
        self._threads = [Thread(target=self._serve, args=(n,), name=f"images-{n}", daemon=True)
                         for n in range(self.limits.threads)]
        for thread in self._threads:
            thread.start()

    def drop(self) -> None:
        """Forget the assignment: called when a rebalance starts, from any thread."""
        self.windows = {}

    async def take(self, window: Window, at: Coordinates, key: bytes | None, value: bytes | None) -> Receipt | None:
        """Take in a record that came for `window`, waiting while too many are in flight; None if that is no window of
        the assignment any more: it may have changed during the wait."""
        seen, received = time.monotonic(), datetime.now(UTC)
        await self._room.acquire()
        receipt = window.receive(at.offset) if self.windows.get(at.partition) is window else None
        if receipt is not Receipt.NEW:
            self._room.release()
            return receipt
        work = Work(window, at, key, value, received, seen)
        self.in_flight.add(work)
        self._queue.put(work)
        return receipt

    async def repeat(self, at: Coordinates, key: bytes | None, value: bytes | None,
                     unreadable: Unreadable | None = None) -> None:
        """Take in a record that is answered again, and wait until the broker has the answer. It belongs to no window,
        needs no room, and has had its time for its image to come. `unreadable`, where the caller knows already, is the
        answer."""
        done = self._loop.create_future()
        work = Work(None, at, key, value, datetime.now(UTC), -math.inf, room=False, answer=unreadable, done=done)
        self.in_flight.add(work)
        self._queue.put(work)
        await done

    def live(self) -> int:
        """How many live rows are in flight, but for those that wait for their images."""
        return sum(work.room for work in self.in_flight)

    def confirm(self, work: Work) -> None:
        """The broker has the answer, or there was none to send; without an answer the record was dropped."""
        self.in_flight.discard(work)
        self.waits.discard(work)
        if work.answer is not None:
            self.counts[type(work.answer).__name__.lower()] += 1
            self.last_answer = datetime.now(UTC)
            if work.window is not None:
                work.window.answer(work.at.offset)
        self._leave(work)
        if work.done is None:
            self._answered(work)
        elif not work.done.done():
            work.done.set_result(None)

    def positions(self) -> dict[int, int]:
        """By partition, the offset below which everything is answered."""
        return {partition: window.position for partition, window in self.windows.items()}

    @property
    def occupied(self) -> bool:
        """Whether a record waits for its image or the store, or a thread is at one: see `overdue` for how long."""
        return bool(self.waits) or any(work.started or work.on_trial for work in self.in_flight)

    def overdue(self) -> Work | None:
        """A record that a thread has been at for longer than an image may take."""
        now = time.monotonic()
        return next((w for w in self.in_flight if w.started and now - w.started > self.limits.timeout_s), None)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is in flight; whether that came to pass."""
        deadline = time.monotonic() + timeout_s
        while self.in_flight and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return not self.in_flight

    def stop(self) -> None:
        """End the threads, each after the record that it is at."""
        for _ in self._threads:
            self._queue.put(None)

    def _serve(self, slot: int) -> None:
        while (work := self._queue.get()) is not None:
            try:
                self._work(work, slot)
            except Exception as error:
                give_up("a record could not be sent", error=repr(error), **work.at._asdict())

    def _work(self, work: Work, slot: int) -> None:
        if work.window is not None and self.windows.get(work.at.partition) is not work.window:
            self._loop.call_soon_threadsafe(self.confirm, work)  # without an answer: nothing is acknowledged
            return
        outcome = work.answer or self._handled(work, slot)
        if isinstance(outcome, NotYet):
            self._loop.call_soon_threadsafe(self._postpone, work, outcome)
            return
        work.answer = outcome
        outgoing = to_record(outcome, work.at, work.key, work.value, work.received, datetime.now(UTC))
        if outgoing is None:
            self._loop.call_soon_threadsafe(self.confirm, work)
        else:
            self._sender.send(outgoing, work)

    def _handled(self, work: Work, slot: int) -> Outcome:
        try:
            if self._guilty(work, slot):
                return condemn(work.key, work.value, self._model())
        except Unavailable as error:
            return NotYet(Wait.STORE, str(error))
        self._journal.enter(slot, work.at)
        work.started = time.monotonic()
        patient = work.started - work.seen < self.limits.patience_s
        outcome = handle(work.key, work.value, self._store, self._model(), max_pixels=self.limits.max_pixels,
                         patient=patient)
        work.started = 0.0
        self._journal.leave(slot)
        return outcome

    def _guilty(self, work: Work, slot: int) -> bool:
        """Whether the record is known to end processes; one under suspicion is tried first. Raises Unavailable."""
        if self._journal.clear(work.at):
            log.warning("record under suspicion", extra=work.at._asdict())
            self._journal.enter(slot, work.at)  # another record may end the process before the verdict
            work.on_trial = True
            try:
                if self._convicted(work.key, work.value):
                    self._journal.convict(work.at)
            except Unavailable:
                self._journal.suspects.add(work.at[1:])
                raise
            finally:
                work.on_trial = False
                self._journal.leave(slot)
        return work.at[1:] in self._journal.convicted

    def _postpone(self, work: Work, outcome: NotYet) -> None:
        work.faults += outcome.wait is Wait.FAULT
        if work.faults >= FAULTS_MAX:
            self._journal.enter(self.limits.threads, work.at)  # whoever comes next shall try it in a child
            give_up("a record could not be handled", detail=outcome.detail, **work.at._asdict())
        if work not in self.waits:
            self.waits.add(work)
            if outcome.wait is not Wait.FILE:
                log.warning("record waits", extra={"wait": outcome.wait.value, "detail": outcome.detail})
        if outcome.wait is Wait.FILE and len(self.waits) <= WAITING_MAX:
            self._leave(work)
        self._loop.call_later(RETRY_S[outcome.wait], self._queue.put, work)

    def _leave(self, work: Work) -> None:
        if work.room:
            work.room = False
            self._room.release()
