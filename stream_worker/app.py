"""The Faust wiring: the consumer group and the loop, and nothing else of Faust.

Its acknowledgements stay off. Faust acknowledges by itself what it skips around a rebalance, and with a fresh
assignment it commits whatever is acknowledged first; either would pass records that have no answer. So offsets are
committed from the pipeline's windows, by Faust's consumer.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from cargostream.errors import Unavailable
from cargostream.records import PARTITIONS, SOURCE_TOPIC, WORKER_GROUP
from cargostream.settings import Settings
from stream_worker.logs import give_up, log
from stream_worker.outcomes import Coordinates
from stream_worker.pipeline import Pipeline
from stream_worker.positions import Broker, Position, Topic
from stream_worker.window import Receipt, Window

COMMIT_S = 0.5
SESSION_S = 10.0
"""How long a silent worker keeps its partitions. One that comes back in time takes its own over at once: the group
knows it by name."""

for noisy in ("faust", "aiokafka", "mode"):
    logging.getLogger(noisy).setLevel(logging.ERROR)


class WorkerApp(faust.App):
    """Tells at once when a rebalance begins, and ends the process when anything of Faust crashes."""

    dropped: Callable[[], None]
    leaving = False

    def on_rebalance_start(self) -> None:
        """Runs on the consumer's thread, before Faust commits or the broker hands the partitions on."""
        self.dropped()
        super().on_rebalance_start()

    def _crash(self, reason: BaseException) -> None:
        if not self.leaving:
            give_up("the consumer crashed", error=repr(reason))


class Intake:
    """Feeds the pipeline from Kafka and commits what it has answered. `assigned` is None until the group has met."""

    def __init__(self, settings: Settings, index: int, pipeline: Pipeline, broker: Broker, topic: Callable[[], Topic],
                 report: Callable[[str, str, str, str], None]) -> None:
        self.assigned: set[int] | None = None
        self._pipeline, self._broker, self._topic, self._report = pipeline, broker, topic, report
        self._joined = self._closed = False
        self._epoch = 0
        self._generation = -1
        self._assigned = asyncio.Event()
        self._committed: dict[int, int] = {}
        self._app = make_app(settings, index)
        self._app.dropped = self._drop
        self._app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]
        rows = self._app.topic(SOURCE_TOPIC, acks=False, key_type=bytes, value_type=bytes,
                               key_serializer="raw", value_serializer="raw")
        self._app.agent(rows, name="rows")(self._consume)

    async def start(self) -> None:
        """Join the group and begin to work."""
        self._joined = True
        await self._app.start()

    def close(self) -> None:
        """Take in nothing more."""
        self._closed = True

    async def stop(self) -> None:
        """Leave."""
        self._app.leaving = True
        await self._app.stop()

    async def dues(self) -> dict[int, int] | None:
        """By partition, the offset that is to come next: of the assignment, or while there is none, of the whole group;
        None before it joined. Raises Unavailable: the broker does not answer."""
        if not self._joined:
            return None
        if self.assigned is not None:
            return {partition: window.due for partition, window in self._pipeline.windows.items()}
        found = await asyncio.to_thread(self._broker.positions, SOURCE_TOPIC, set(range(PARTITIONS)))
        return {partition: position.start for partition, position in found.items()}

    async def commit_for_ever(self) -> None:
        """Commit every half second what is answered."""
        while True:
            await asyncio.sleep(COMMIT_S)
            await self.commit()

    async def commit(self) -> None:
        """Commit what is answered and not committed."""
        windows = self._pipeline.windows
        due = {p: window.position for p, window in windows.items() if window.position > self._committed[p]}
        if not due:
            return
        consumer: Any = self._app.consumer
        if await consumer._commit({TP(SOURCE_TOPIC, p): offset for p, offset in due.items()}):  # noqa: SLF001
            self._committed.update(due if windows is self._pipeline.windows else {})

    async def _consume(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self._take(event.message)
        except Exception as error:
            give_up("the intake failed", error=repr(error))

    async def _take(self, message: Any) -> None:
        await self._assigned.wait()
        if self._closed or message.generation_id != self._generation:
            return  # it comes again, to whoever has the partition next
        if (window := self._pipeline.windows.get(message.partition)) is None:
            return
        at = Coordinates(message.topic, self._epoch, message.partition, message.offset)
        if await self._pipeline.take(window, at, message.key, message.value) is Receipt.GAP:
            await self._explain_gap(window, at)
            await self._pipeline.take(window, at, message.key, message.value)

    async def _explain_gap(self, window: Window, at: Coordinates) -> None:
        """Transaction markers leave gaps. Retention leaves one where it overtakes this worker: Kafka then goes on at
        the beginning. Faust leaves one where it hands over what was fetched for the assignment before, and drops the
        records that were due. What the broker still has tells which it is."""
        due = window.due
        remains = await asyncio.to_thread(self._broker.remains, at.topic, at.partition, due)
        if self._pipeline.windows.get(at.partition) is not window:
            return
        if remains.first < at.offset:
            give_up("records were skipped", due=remains.first, **at._asdict())
        if remains.beginning > due:
            self._lost(at.partition, f"records {due} to {at.offset - 1} were removed before they were read")
        window.skip_to(at.offset)

    def _lost(self, partition: int, gap: str) -> None:
        self._report("offsets_lost", "alarm", f"{SOURCE_TOPIC} partition {partition}",
                     f"In the worker's positions there is a gap: {gap}. Their rows may lack a current answer.")

    def _drop(self) -> None:
        self._assigned.clear()
        self.assigned = None
        self._pipeline.drop()

    async def _on_assigned(self, app: Any, *args: Any, **_: Any) -> None:
        """Runs on the loop, while the group waits."""
        assigned: set[TP] = args[0]
        try:
            partitions = {tp.partition for tp in assigned if tp.topic == SOURCE_TOPIC}
            known = self._topic()
            positions = await self._look(known, partitions)
        except Exception as error:
            give_up("the assignment could not be checked", error=str(error))
        for partition, position in sorted(positions.items()):
            if position.gap:
                self._lost(partition, position.gap)
        self._epoch, self._generation = known.epoch, app.consumer_generation_id
        self._committed = {p: position.start for p, position in positions.items()}
        self._pipeline.windows = {p: Window(position.start) for p, position in positions.items()}
        self.assigned = partitions
        self._assigned.set()
        log.info("assigned", extra={"partitions": sorted(partitions), "generation": self._generation})

    async def _look(self, known: Topic, partitions: set[int]) -> dict[int, Position]:
        """The positions, asked again for a while where the broker is only coming up."""
        deadline = time.monotonic() + SESSION_S
        while True:
            try:
                found = await asyncio.to_thread(self._broker.describe, SOURCE_TOPIC)
                # Rows have changed partitions: their order is lost. A worker that comes back in time is handed the
                # partitions that it had, so that its assignment would not show it.
                if found.partitions > PARTITIONS:
                    give_up(f"the topic has more than {PARTITIONS} partitions: delete it, run `cargostream up` again, "
                            "then `cargostream verify --repair`", topic=SOURCE_TOPIC)
                if found.id != known.id:
                    give_up("the topic is not the one that the stack made: its rows would get a wrong epoch",
                            topic=SOURCE_TOPIC, known=known.id, found=found.id)
                return await asyncio.to_thread(self._broker.positions, SOURCE_TOPIC, partitions)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)


def make_app(settings: Settings, index: int) -> WorkerApp:
    """The Faust app of worker process `index`: raw bytes, no tables, no web server, no leader."""
    data: Path = settings.home / "run" / f"faust-{index}"
    return WorkerApp(
        WORKER_GROUP, broker=f"kafka://{settings.bootstrap}", datadir=data, tabledir=data / "tables",
        broker_client_id=f"{WORKER_GROUP}-{index}", consumer_group_instance_id=f"{WORKER_GROUP}-{index}",
        key_serializer="raw", value_serializer="raw", consumer_auto_offset_reset="earliest",
        topic_allow_declare=False, topic_disable_leader=True, web_enabled=False, worker_redirect_stdouts=False,
        stream_wait_empty=False, stream_buffer_maxsize=1024, broker_max_poll_records=4 * settings.window,
        broker_session_timeout=SESSION_S, broker_heartbeat_interval=SESSION_S / 5, broker_rebalance_timeout=SESSION_S,
        broker_commit_interval=60.0, broker_request_timeout=2 * SESSION_S,
    )
