"""Records through threads and back, with everything outside in memory."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from cargostream.errors import Unavailable
from cargostream.images import ImageStore, MemoryStore
from cargostream.records import DEAD_LETTER_TOPIC, PREDICTIONS_TOPIC, Prediction
from stream_worker.journal import Journal, Suspect
from stream_worker.memory import MemoryModel
from stream_worker.outcomes import Coordinates, Outgoing, Predicted, Rejected, Unreadable
from stream_worker.pipeline import Pipeline
from stream_worker.window import Receipt, Window
from stream_worker.work import Limits, Work
from tests.support.workers import picture

LIMITS = Limits(window=8, threads=2, patience_s=0.3, max_pixels=1_000_000, timeout_s=5)
IMAGES = {f"{n}.png": picture(n) for n in range(5)}


class Outbox:
    """A sender that keeps what it is given, and confirms it when it is told to, or at once."""

    def __init__(self, pipeline: Pipeline, at_once: bool = True) -> None:
        self.pipeline, self.at_once = pipeline, at_once
        self.sent: list[tuple[Outgoing, Work]] = []
        self.loop = asyncio.get_running_loop()

    def send(self, outgoing: Outgoing, token: Work) -> None:
        self.sent.append((outgoing, token))
        if self.at_once:
            self.loop.call_soon_threadsafe(self.pipeline.confirm, token)

    @property
    def predictions(self) -> list[Prediction]:
        return [msgspec.json.decode(o.value or b"", type=Prediction)
                for o, _ in self.sent if o.topic == PREDICTIONS_TOPIC]


def play(story: Callable[[Pipeline, Outbox], Awaitable[None]], store: ImageStore | None = None,
         limits: Limits = LIMITS, at_once: bool = True, suspects: frozenset[Suspect] = frozenset(),
         guilty: bool = False, answered: Callable[[Work], None] = lambda _: None) -> None:
    """Run a story on a pipeline with one partition that starts at offset 0."""
    async def main() -> None:
        with TemporaryDirectory() as folder:
            journal = Journal(Path(folder, "journal"), limits.threads + 1)
        pipeline = Pipeline(limits, store or MemoryStore(IMAGES), MemoryModel, journal, lambda *_: guilty, answered)
        journal.suspects |= suspects
        outbox = Outbox(pipeline, at_once)
        pipeline.windows = {0: Window(0)}
        pipeline.start(outbox)
        try:
            await asyncio.wait_for(story(pipeline, outbox), 30)
        finally:
            pipeline.stop()
    asyncio.run(main())


async def put(pipeline: Pipeline, offset: int, path: str, window: Window | None = None) -> Receipt | None:
    key, value = {"id": offset}, {"id": offset, "__op": "c", "image_path": path}
    return await pipeline.take(window or pipeline.windows[0], Coordinates("t", 1, 0, offset), msgspec.json.encode(key),
                               msgspec.json.encode(value))


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_every_record_is_answered_and_acknowledged() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(100):
            assert await put(pipeline, offset, f"{offset % 5}.png") is Receipt.NEW
        await until(lambda: pipeline.positions() == {0: 100})
        assert {p.source_offset: p.target for p in outbox.predictions} == {n: n % 5 for n in range(100)}
        assert pipeline.counts == {"predicted": 100}
        assert not pipeline.in_flight
    play(story)


def test_nothing_is_acknowledged_before_it_is_confirmed_nor_past_a_hole() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(5):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(outbox.sent) == 5)
        assert pipeline.positions() == {0: 0}
        works = {work.at.offset: work for _, work in outbox.sent}
        for offset, position in ((1, 0), (3, 0), (0, 2), (2, 4), (4, 5)):
            pipeline.confirm(works[offset])
            assert pipeline.positions() == {0: position}
    play(story, at_once=False)


def test_who_listens_hears_of_a_record_when_the_broker_has_its_answer() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset, path in enumerate(("1.png", "../no.png")):
            await put(pipeline, offset, path)
        await until(lambda: len(outbox.sent) == 2)
        assert heard == []
        for _, work in outbox.sent:
            pipeline.confirm(work)
        assert {work.at.offset: type(work.answer) for work in heard} == {0: Predicted, 1: Rejected}
    heard: list[Work] = []
    play(story, at_once=False, answered=heard.append)


def test_no_more_than_a_window_is_in_flight() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(LIMITS.window):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(outbox.sent) == LIMITS.window)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(put(pipeline, LIMITS.window, "1.png"), 0.2)
        pipeline.confirm(outbox.sent[0][1])
        assert await put(pipeline, LIMITS.window, "1.png") is Receipt.NEW
    play(story, at_once=False)


def test_missing_images_are_waited_for_beside_the_window_and_then_rejected() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        began = time.monotonic()
        for offset in range(5 * LIMITS.window):
            await put(pipeline, offset, "late.png" if offset == 3 else "none.png")
        await until(lambda: len(pipeline.waits) > LIMITS.window)
        images["late.png"] = IMAGES["2.png"]
        await until(lambda: pipeline.positions() == {0: 5 * LIMITS.window})
        assert time.monotonic() - began < 5 * LIMITS.patience_s, "they waited one after the other"
        assert [p.source_offset for p in outbox.predictions if p.status == "predicted"] == [3]
        assert {p.error_code for p in outbox.predictions} == {None, "file_not_found"}
        assert not pipeline.waits
    images = dict(IMAGES)
    play(story, MemoryStore(images), replace(LIMITS, patience_s=1.0))


def test_what_was_dropped_is_never_acknowledged() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        old = pipeline.windows[0]
        await put(pipeline, 0, "none.png")
        await until(lambda: pipeline.waits)
        pipeline.drop()
        assert await put(pipeline, 1, "1.png", old) is None
        pipeline.windows = {0: Window(0)}
        await until(lambda: not pipeline.in_flight)
        assert (old.position, pipeline.positions(), outbox.sent) == (0, {0: 0}, [])
        assert await put(pipeline, 0, "1.png") is Receipt.NEW
        await until(lambda: pipeline.positions() == {0: 1})
    play(story)


def test_a_record_that_waited_for_room_while_the_assignment_changed_is_dropped() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(LIMITS.window):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(outbox.sent) == LIMITS.window)
        late = asyncio.create_task(put(pipeline, LIMITS.window, "1.png"))
        await asyncio.sleep(0.05)
        pipeline.drop()
        pipeline.windows = {0: Window(0)}
        for _, work in outbox.sent:
            pipeline.confirm(work)
        assert await late is None, "not the new window's record, whose first is due"
        assert await put(pipeline, 0, "1.png") is Receipt.NEW
    play(story, at_once=False)


def test_a_stuck_image_is_noticed_and_holds_up_no_other() -> None:
    class Stuck(MemoryStore):
        def read(self, path: str) -> bytes:
            if path == "stuck.png":
                released.wait(20)
            return super().read("1.png")

    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        await put(pipeline, 0, "stuck.png")
        for offset in range(1, 6):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(outbox.sent) == 5)
        await until(pipeline.overdue)
        work = pipeline.overdue()
        released.set()
        assert work is not None
        assert work.at.offset == 0
        await until(lambda: pipeline.positions() == {0: 6})
        assert pipeline.overdue() is None
    released = threading.Event()
    play(story, Stuck(IMAGES), replace(LIMITS, timeout_s=0.3))


def test_a_store_that_comes_back_gets_everything_answered() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(4):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(pipeline.waits) == 4)
        assert outbox.sent == []
        assert not await pipeline.drain(0.1)
        images.update(IMAGES)
        await until(lambda: pipeline.positions() == {0: 4})
        assert await pipeline.drain(5)
    images: dict[str, bytes] = {}
    play(story, MemoryStore(images, missing=Unavailable("not mounted")))


@pytest.mark.parametrize(("guilty", "expected"), [(True, "crashed_worker"), (False, None)])
def test_only_a_convicted_record_is_rejected_for_crashing(guilty: bool, expected: str | None) -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(3):
            await put(pipeline, offset, "1.png")
        await until(lambda: pipeline.positions() == {0: 3})
        assert {p.source_offset: p.error_code for p in outbox.predictions} == {0: None, 1: expected, 2: None}
    play(story, suspects=frozenset({(1, 0, 1, 0)}), guilty=guilty)


def test_a_record_is_tried_once_however_often_it_comes() -> None:
    """The process may end of another before the answer to this one is acknowledged."""
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        await put(pipeline, 0, "1.png")
        await until(lambda: pipeline.positions() == {0: 1})
        pipeline.windows = {0: Window(0)}
        await put(pipeline, 0, "1.png")
        await until(lambda: pipeline.positions() == {0: 1})
        assert [p.error_code for p in outbox.predictions] == ["crashed_worker"] * 2
    play(story, suspects=frozenset({(1, 0, 0, 0)}), guilty=True)


async def repeat(pipeline: Pipeline, offset: int, path: str, unreadable: Unreadable | None = None) -> None:
    key, value = {"id": offset}, {"id": offset, "__op": "r", "image_path": path}
    await pipeline.repeat(Coordinates("t", 1, 7, offset, 2), msgspec.json.encode(key), msgspec.json.encode(value),
                          unreadable)


def test_a_repeat_belongs_to_no_assignment_and_takes_nobodys_room() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        for offset in range(LIMITS.window):
            await put(pipeline, offset, "1.png")
        await until(lambda: len(outbox.sent) == LIMITS.window)
        assert pipeline.live() == LIMITS.window
        again = asyncio.create_task(repeat(pipeline, 99, "2.png"))
        await until(lambda: len(outbox.sent) == LIMITS.window + 1)
        assert not again.done(), "the broker has not confirmed it"
        pipeline.drop()
        pipeline.confirm(outbox.sent[-1][1])
        await again
        found = outbox.predictions[-1]
        assert (found.source_partition, found.source_offset, found.attempt, found.target) == (7, 99, 2, 2)
        assert pipeline.live() == LIMITS.window
    play(story, at_once=False)


def test_a_repeat_does_not_wait_for_its_image() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        await asyncio.wait_for(repeat(pipeline, 1, "none.png"), 5)
        assert [p.error_code for p in outbox.predictions] == ["file_not_found"]
    play(story, limits=replace(LIMITS, patience_s=60))


def test_a_repeat_that_is_known_to_be_unreadable_is_not_read() -> None:
    async def story(pipeline: Pipeline, outbox: Outbox) -> None:
        await repeat(pipeline, 1, "1.png", Unreadable("no headers", stage="replay"))
        ((outgoing, _),) = outbox.sent
        assert outgoing.topic == DEAD_LETTER_TOPIC
        assert dict(outgoing.headers)["stage"] == "replay"
        assert pipeline.counts == {"unreadable": 1}
    play(story)
