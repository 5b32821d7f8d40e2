"""Answers the records of `cargo-replay` again, behind live rows.

With a consumer of its own: Faust hands out the records of all its topics one after the other, and where the buffer of
one stream is full, as that of repeats would be for as long as live rows come, the others wait for it.

It reads a few records, has each answered as live rows leave room, and commits them, in order, once the broker has the
answers to all. Whatever interrupts that has some of them answered twice, which the guard in the target absorbs.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from cargostream.errors import Unavailable
from cargostream.records import REPLAY_GROUP, REPLAY_TOPIC, SOURCE_TOPIC
from cargostream.replays import read_headers
from cargostream.settings import Settings
from stream_worker.logs import log
from stream_worker.outcomes import Coordinates, Unreadable
from stream_worker.pipeline import Pipeline
from stream_worker.positions import Topic, in_words

BATCH = 32
READ_S = 0.5
LOOK_S = 0.01
AGAIN_S = 2.0

POLL_S = 30.0
"""So often the group is told that this worker is there, however long a record takes; it waits for 300 s."""


class Replays:
    """Runs on the loop, but for the consumer's calls, which block; one at a time. `topic` raises Unavailable while the
    topic is not made yet."""

    def __init__(self, settings: Settings, index: int, pipeline: Pipeline, topic: Callable[[], Topic]) -> None:
        self._pipeline, self._topic = pipeline, topic
        self._config = {
            "bootstrap.servers": settings.bootstrap, "group.id": REPLAY_GROUP,
            "group.instance.id": f"{REPLAY_GROUP}-{index}", "client.id": f"{REPLAY_GROUP}-{index}",
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "isolation.level": "read_uncommitted",
            "session.timeout.ms": 10_000, "heartbeat.interval.ms": 2_000, "queued.max.messages.kbytes": 4096,
        }
        self._quiet = settings.window / 4
        # One thread stays free for a live row that comes meanwhile.
        self._turns = asyncio.Semaphore(max(1, settings.effective_threads - 1))
        self._stopping, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._answered = 0
        self._busy = False

    async def answer_for_ever(self) -> None:
        """Answer what comes, until `stop`. A consumer that fails is replaced."""
        self._idle.clear()
        while not self._stopping.is_set():
            try:
                await self._read(Coordinates(REPLAY_TOPIC, self._topic().epoch, 0, 0))
            except (KafkaException, Unavailable) as error:
                log.warning("repeats cannot be read", extra={"error": in_words(error)})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), AGAIN_S)
        self._idle.set()

    async def stop(self, timeout_s: float) -> None:
        """Begin with nothing more, and wait until what was begun is answered and committed."""
        self._stopping.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)

    def facts(self) -> dict[str, Any]:
        """For `/readyz`."""
        return {"answered": self._answered}

    async def _read(self, topic: Coordinates) -> None:
        consumer = Consumer(self._config, logger=log)
        try:
            consumer.subscribe([REPLAY_TOPIC], on_assign=self._assigned)
            while not self._stopping.is_set():
                if messages := await asyncio.to_thread(_take, consumer):
                    await self._answer(consumer, messages, topic)
        finally:
            await asyncio.to_thread(consumer.close)

    async def _answer(self, consumer: Consumer, messages: list[Message], topic: Coordinates) -> None:
        batch = asyncio.gather(*(self._answer_one(message, topic) for message in messages))
        try:
            while not (await asyncio.wait({batch}, timeout=POLL_S))[0]:
                self._busy = True
                await asyncio.to_thread(_stay, consumer)
        finally:
            batch.cancel()
        if self._busy:
            self._busy = False
            consumer.resume(consumer.assignment())
        due: dict[int, int] = {}
        for message, answered in zip(messages, batch.result(), strict=True):
            if not answered:
                break
            due[_place(message)[0]] = _place(message)[1] + 1
        if due:
            await asyncio.to_thread(_commit, consumer, due)

    async def _answer_one(self, message: Message, topic: Coordinates) -> bool:
        """Whether it is answered: not if the worker stops first."""
        partition, offset = _place(message)
        unreadable = None
        async with self._turns:
            while self._pipeline.live() >= self._quiet and not self._stopping.is_set():
                await asyncio.sleep(LOOK_S)
            if self._stopping.is_set():
                return False
            try:
                repeat = read_headers(message.headers())
                at = Coordinates(SOURCE_TOPIC, *repeat)
                if repeat.partition != partition:
                    raise ValueError(f"the header partition says {repeat.partition}")
            except ValueError as error:
                at = topic._replace(partition=partition, offset=offset)
                unreadable = Unreadable(str(error), stage="replay")
            await self._pipeline.repeat(at, message.key(), message.value(), unreadable)
        self._answered += 1
        return True

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(partitions)
        if self._busy:
            consumer.pause(partitions)


def _take(consumer: Consumer) -> list[Message]:
    """What is there, as soon as something is; nothing after READ_S."""
    first = consumer.poll(READ_S)
    messages = [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]
    for message in messages:
        if (error := message.error()) is not None:
            raise KafkaException(error)
    return messages


def _commit(consumer: Consumer, due: dict[int, int]) -> None:
    offsets = [TopicPartition(REPLAY_TOPIC, partition, offset) for partition, offset in due.items()]
    for each in consumer.commit(offsets=offsets, asynchronous=False) or ():
        if each.error:
            raise KafkaException(each.error)


def _stay(consumer: Consumer) -> None:
    """Show the group that somebody is there, without a new record."""
    consumer.pause(consumer.assignment())
    if (message := consumer.poll(0)) is not None:  # the next consumer has it again, from the committed offset on
        raise KafkaException(message.error() or KafkaError(KafkaError._STATE, "a record came while all is paused"))  # noqa: SLF001


def _place(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise KafkaException(KafkaError(KafkaError._STATE, "a record came from nowhere"))  # noqa: SLF001
    return partition, offset
