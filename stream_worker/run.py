"""One worker process, from start to end."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from cargostream.errors import Unavailable
from cargostream.images import FolderStore
from cargostream.records import EVENTS_TOPIC, REPLAY_TOPIC, SOURCE_TOPIC, WORKER_GROUP, Event
from cargostream.settings import Settings
from stream_worker import logs
from stream_worker.alarms import Alarms
from stream_worker.app import Intake
from stream_worker.claim import claim
from stream_worker.health import serve_health
from stream_worker.journal import Journal
from stream_worker.liveness import STUCK_S, Liveness
from stream_worker.logs import give_up, log
from stream_worker.models import Models
from stream_worker.outcomes import Outgoing
from stream_worker.pipeline import Pipeline
from stream_worker.positions import Broker, Topic, known_topic
from stream_worker.replays import Replays
from stream_worker.sender import Sender
from stream_worker.trial import Case, convicted
from stream_worker.work import Limits, Work

DRAIN_S = 12.0
FLUSH_S = 8.0
LEAVE_S = 5.0

# A thread that wants the interpreter back waits for up to this long while another runs Python: with the default of 5 ms
# two processes on two cores answered 154 rows/s, with this 184.
SWITCH_S = 0.0005


def run(settings: Settings, index: int) -> None:
    """Run worker process `index` until SIGTERM or SIGINT, or until a fault ends it.

    Raises:
        UsageError: another process has this index, or its port is taken.
    """
    logs.set_up(settings.log_json)
    claim(settings.home / "run", index)
    sys.setswitchinterval(SWITCH_S)
    asyncio.run(_run(settings, index))


async def _run(settings: Settings, index: int) -> None:
    await Process(settings, index).run()


class Process:
    """The parts of a worker process and how they hang together. To be made on the loop."""

    def __init__(self, settings: Settings, index: int) -> None:
        self.settings, self.index = settings, index
        self.stopping, self.loop = asyncio.Event(), asyncio.get_running_loop()
        self.models = Models(settings, self.loop, lambda outgoing: self.sender.send(outgoing, None), self.report)
        threads = settings.effective_threads
        limits = Limits(settings.window, threads, settings.image_patience_s, settings.image_max_pixels,
                        settings.image_timeout_s)
        self.pipeline = Pipeline(limits, FolderStore(settings.image_store, settings.image_max_bytes),
                                 self.models.champion.current,
                                 Journal(settings.home / "run" / f"journal-{index}", threads + 1), self.convicted,
                                 self.answered)
        self.sender: Sender[Work | None] = Sender(
            settings.bootstrap, f"{WORKER_GROUP}-{index}", self.loop, self.confirm)
        self.broker = Broker(settings.bootstrap, WORKER_GROUP)
        self.intake = Intake(settings, index, self.pipeline, self.broker, self.topic, self.report)
        self.liveness = Liveness(self.pipeline, self.intake.dues, partial(self.broker.waits, SOURCE_TOPIC))
        self.replays = Replays(settings, index, self.pipeline, self.replay_topic)
        self.alarms = Alarms(self.report)

    async def run(self) -> None:
        """Wait for a model and the topics, then work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        await serve_health(self.settings.host, self.settings.worker_port + self.index, self.facts, self.life)
        tasks = [asyncio.create_task(work, name=name) for name, work in
                 (("follower", self.models.follower.follow()), ("watch", self.watch()), ("work", self.work()),
                  ("liveness", self.liveness.look_for_ever()))]
        for task in tasks:
            task.add_done_callback(_must_go_on)
        await self.stopping.wait()
        await self.end()
        # Not through the interpreter's end, which waits for threads: a download or a stuck read may take minutes.
        logging.shutdown()
        os._exit(0)

    def topic(self) -> Topic:
        """The source topic as the stack made it. Raises Unavailable: it has not, yet."""
        return known_topic(self.settings.home / "run", SOURCE_TOPIC)

    def replay_topic(self) -> Topic:
        """The same of the topic of repeats."""
        return known_topic(self.settings.home / "run", REPLAY_TOPIC)

    async def work(self) -> None:
        """Join the group once there is a model to answer with, and commit as answers are confirmed."""
        await self.models.champion.taken.wait()
        await self.topics_made()
        self.pipeline.start(self.sender)
        await self.intake.start()
        await asyncio.gather(self.intake.commit_for_ever(), self.replays.answer_for_ever())

    async def topics_made(self) -> None:
        """Faust never subscribes to a topic that appears after it: wait for it."""
        said = ""
        while True:
            try:
                self.topic()
                await asyncio.to_thread(self.broker.describe, SOURCE_TOPIC)
                return
            except Unavailable as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("waiting for the topics", extra={"detail": said})
                await asyncio.sleep(0.5)

    async def watch(self) -> None:
        """A stuck read or model cannot be interrupted; only the end of the process frees its thread."""
        while True:
            await asyncio.sleep(0.5)
            if (work := self.pipeline.overdue()) is not None:
                give_up("an image took too long", **work.at._asdict())

    async def end(self) -> None:
        """Answer what is in flight, commit, leave: within 30 s and with exit status 0, else at once with 1."""
        log.info("stopping")
        self.intake.close()
        await asyncio.gather(self.pipeline.drain(DRAIN_S), self.replays.stop(DRAIN_S))
        await asyncio.to_thread(self.sender.flush, FLUSH_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.intake.commit(), LEAVE_S)
            await asyncio.wait_for(self.intake.stop(), LEAVE_S)
        log.info("stopped")

    def convicted(self, key: bytes | None, value: bytes | None) -> bool:
        """Try a suspected record with the model in service. Raises Unavailable."""
        settings = self.settings
        return convicted(Case(
            key, value, str(self.models.folder()), str(settings.image_store), settings.image_max_bytes,
            settings.image_max_pixels, settings.image_timeout_s))

    def answered(self, work: Work) -> None:
        """A record is through: it may be one for the challenger, as long as live rows leave room."""
        self.alarms.hear(work)
        self.models.offer(work, len(self.pipeline.in_flight) < self.settings.window / 2)

    def confirm(self, work: Work | None) -> None:
        """The broker has a record: an answer, or (None) one that might have been lost."""
        if work is not None:
            self.pipeline.confirm(work)

    def report(self, kind: str, severity: str, subject: str, detail: str) -> None:
        """Log something notable and send it to `cargo-events`."""
        log.log({"alarm": 40, "warning": 30}.get(severity, 20), "event",
                extra={"kind": kind, "subject": subject, "detail": detail})
        event = Event(kind, severity, subject, detail, datetime.now(UTC).isoformat())  # type: ignore[arg-type]
        self.sender.send(Outgoing(EVENTS_TOPIC, -1, kind.encode(), msgspec.json.encode(event), []), None)

    def life(self) -> dict[str, Any]:
        """What `/livez` answers."""
        reason = f"records wait, the broker answers, and nothing moved for {STUCK_S:.0f} s"
        return {"live": not self.liveness.stuck, "reason": reason if self.liveness.stuck else None, "pid": os.getpid()}

    def facts(self) -> dict[str, Any]:
        """What `/readyz` answers."""
        pipeline = self.pipeline
        assigned = self.intake.assigned
        reason = ("no model" if self.models.champion.holder is None else "not in the group" if assigned is None
                  else "stopping" if self.stopping.is_set() else None)
        return {
            "ready": reason is None, "reason": reason, "index": self.index, "pid": os.getpid(),
            "partitions": None if assigned is None else sorted(assigned),
            **self.models.facts(),
            "in_flight": len(pipeline.in_flight), "waiting": len(pipeline.waits),
            "replays": self.replays.facts(), "counts": dict(pipeline.counts),
            "last_answer_at": pipeline.last_answer and pipeline.last_answer.isoformat(),
        }


def _must_go_on(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        give_up("a part of the worker ended", part=task.get_name(), error=repr(task.exception()))
