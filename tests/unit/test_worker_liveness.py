"""What counts as stuck, and what as waiting for others: the pipeline is real, its outside is in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cargostream.errors import Unavailable
from cargostream.images import MemoryStore
from stream_worker.journal import Journal
from stream_worker.liveness import LOOKS, Liveness
from stream_worker.memory import MemoryModel
from stream_worker.pipeline import Pipeline
from stream_worker.window import Window
from stream_worker.work import Limits, Work
from tests.unit.test_worker_pipeline import put

Story = Callable[[Pipeline, Liveness], Awaitable[None]]


def play(story: Story, waits: Callable[[Mapping[int, int]], bool], store: MemoryStore | None = None,
         dues: Mapping[int, int] | None = {0: 0}) -> None:
    """A pipeline whose answers nobody ever confirms."""
    class Silence:
        def send(self, outgoing: object, token: Work) -> None:
            pass

    async def told() -> Mapping[int, int] | None:
        return dues

    async def main() -> None:
        with TemporaryDirectory() as folder:
            journal = Journal(Path(folder, "journal"), 2)
        pipeline = Pipeline(Limits(8, 1, 30, 1_000_000, 5), store or MemoryStore({}), MemoryModel, journal,
                            lambda *_: False)
        pipeline.windows = {0: Window(0)}
        pipeline.start(Silence())
        try:
            await story(pipeline, Liveness(pipeline, told, waits))
        finally:
            pipeline.stop()
    asyncio.run(main())


async def look(liveness: Liveness, times: int = LOOKS + 1) -> bool:
    """The first look sees where things are."""
    for _ in range(times):
        await liveness.look()
    return liveness.stuck


def away(_: object) -> bool:
    raise Unavailable("no broker")


def test_a_record_that_waits_and_is_not_taken_is_stuck() -> None:
    async def story(_: Pipeline, liveness: Liveness) -> None:
        assert not await look(liveness, LOOKS)
        assert await look(liveness, 1)
    play(story, lambda dues: dues == {0: 0})


@pytest.mark.parametrize(("waits", "dues"), [
    (away, {0: 0}), (lambda _: False, {0: 0}), (lambda _: True, None)],
    ids=["no broker", "nothing to do", "no model yet, so not in the group"])
def test_waiting_for_others_is_not(waits: Callable[[object], bool], dues: Mapping[int, int] | None) -> None:
    async def story(_: Pipeline, liveness: Liveness) -> None:
        assert not await look(liveness, 3 * LOOKS)
    play(story, waits, dues=dues)


def test_an_answer_that_nobody_confirms_is_stuck_unless_the_broker_is_away() -> None:
    async def story(pipeline: Pipeline, liveness: Liveness) -> None:
        await put(pipeline, 0, "../outside.png")
        assert await look(liveness)
    play(story, lambda _: False)

    async def patient(pipeline: Pipeline, liveness: Liveness) -> None:
        await put(pipeline, 0, "../outside.png")
        assert not await look(liveness, 3 * LOOKS)
    play(patient, away)


def test_a_record_that_waits_for_its_image_is_not_stuck() -> None:
    async def story(pipeline: Pipeline, liveness: Liveness) -> None:
        await put(pipeline, 0, "late.png")
        while not pipeline.waits:
            await asyncio.sleep(0.01)
        assert not await look(liveness, 3 * LOOKS)
    play(story, lambda _: True)


def test_progress_however_slow_is_life() -> None:
    async def story(pipeline: Pipeline, liveness: Liveness) -> None:
        for offset in range(3):
            assert not await look(liveness, LOOKS)
            pipeline.windows[0].receive(offset)
            pipeline.windows[0].answer(offset)
        assert not await look(liveness, LOOKS)
        assert await look(liveness, 1)
    play(story, lambda _: True)
