"""A real broker for tests: own folder, free ports, gone afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

import compose.kafka
from cargostream.records import (
    DEAD_LETTER_TOPIC,
    EVENTS_TOPIC,
    PARTITIONS,
    PREDICTIONS_TOPIC,
    REPLAY_TOPIC,
    SOURCE_TOPIC,
)
from cargostream.settings import Settings
from compose.kafka import broker
from compose.parts import Service

TOPICS = (SOURCE_TOPIC, PREDICTIONS_TOPIC, REPLAY_TOPIC, EVENTS_TOPIC, DEAD_LETTER_TOPIC)

LAUNCH = Path(compose.kafka.__file__).with_name("launch.py")
MORTAL = (sys.executable, "-I", "-S", str(LAUNCH), str(int(signal.SIGKILL)), "-", str(os.getpid()), "--")
"""Put before a command, it dies with the tests, however they end."""


@dataclass
class Broker:
    """A running broker and the settings that lead to it."""

    settings: Settings
    service: Service
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start (again), and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start, and wait for nothing."""
        self.service.prepare()
        log = (self.settings.home / "broker.log").open("ab")
        self.process = subprocess.Popen([*MORTAL, *self.service.argv], stdout=log, stderr=log, cwd=self.settings.home)
        log.close()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, (self.settings.home / "broker.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the broker did not answer within 60 s"
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)

    def admin(self) -> AdminClient:
        """A new client: one that outlived a broker's restart may not find its coordinator any more."""
        return AdminClient({"bootstrap.servers": self.settings.bootstrap, "log_level": 0})

    def make_topics(self, folder: Path) -> None:
        """Make the topics anew and write `topics.json` into `folder`, as the stack would."""
        admin = self.admin()
        there = [name for name in TOPICS if name in admin.list_topics(timeout=10).topics]
        for future in admin.delete_topics(there).values() if there else ():
            future.result(30)
        deadline = time.monotonic() + 30
        while set(TOPICS) & set(admin.list_topics(timeout=10).topics):
            assert time.monotonic() < deadline, "the topics were not deleted within 30 s"
            time.sleep(0.05)
        largest = {"max.message.bytes": str(1024 * 1024 + 64 * 1024)}
        for future in admin.create_topics([NewTopic(n, PARTITIONS, 1, config=largest) for n in TOPICS]).values():
            future.result(30)
        while not set(TOPICS) <= set(admin.list_topics(timeout=10).topics):
            assert time.monotonic() < deadline, "the topics were not made within 30 s"
            time.sleep(0.05)
        described = admin.describe_topics(TopicCollection(list(TOPICS)))
        found = {name: str(future.result(30).topic_id) for name, future in described.items()}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "topics.json").write_text(json.dumps({name: {"id": i, "epoch": 1} for name, i in found.items()}))

    def _answers(self) -> bool:
        try:
            return self.service.ready()
        except Exception:
            return False


@contextmanager
def running_broker(settings: Settings) -> Iterator[Broker]:
    """A broker on `settings.kafka_port` with its data in `settings.home`."""
    (settings.home / "run").mkdir(parents=True, exist_ok=True)
    running = Broker(settings, broker(settings))
    running.start()
    try:
        yield running
    finally:
        running.kill()


def read_all(bootstrap: str, topic: str, count: int = PARTITIONS) -> list[Message]:
    """Every record that is on a topic of `count` partitions now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "log_level": 0})
    try:
        partitions = [TopicPartition(topic, number, 0) for number in range(count)]
        ends = {tp.partition: consumer.get_watermark_offsets(tp, timeout=10)[1] for tp in partitions}
        consumer.assign(partitions)
        found: list[Message] = []
        deadline = time.monotonic() + 30
        while len(found) < sum(ends.values()):
            assert time.monotonic() < deadline, f"{topic} could not be read within 30 s"
            found += [m for m in consumer.consume(500, timeout=0.2) if m.error() is None]
        return found
    finally:
        consumer.close()
