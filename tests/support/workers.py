"""A worker process for tests, with its own home folder: a model in the cache, an image store, a broker."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
from confluent_kafka import KafkaException, Producer
from PIL import Image

from cargostream.cache import Cache, Pointer
from cargostream.errors import Unavailable
from cargostream.images import make_store
from cargostream.labels import CARGO_LABELS
from cargostream.records import (
    DEAD_LETTER_TOPIC,
    PARTITIONS,
    PREDICTIONS_TOPIC,
    READER_GROUPS,
    REPLAY_TOPIC,
    SOURCE_TOPIC,
    WORKER_GROUP,
    Prediction,
)
from cargostream.replays import replay_record
from stream_worker.memory import class_colour
from stream_worker.positions import Broker as BrokerView
from tests.support.artifacts import write_artifact
from tests.support.kafka import MORTAL, Broker, read_all
from tests.support.postgres import free_port


@dataclass
class Rig:
    """Everything around a worker. `start` runs one as a user would."""

    home: Path
    broker: Broker
    port: int = field(default_factory=free_port)
    variables: dict[str, str] = field(default_factory=dict)
    wrap: tuple[str, ...] = ()
    """Goes before the workers' command."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = self.home / "images"
        make_store(self.images)
        self.broker.make_topics(self.home / "run")
        fresh = self.home / "models" / "fresh"
        digest = write_artifact(fresh)
        fresh.rename(self.home / "models" / digest)
        Cache(self.home / "models").remember(Pointer("cargo-ground", 3, digest))
        self.producer = Producer({"bootstrap.servers": self.broker.settings.bootstrap, "linger.ms": 5,
                                  "message.max.bytes": 2_000_000, "log_level": 0})

    def start(self, index: int = 0, **settings: object) -> subprocess.Popen[bytes]:
        """Start a worker; it may need a moment until it is ready."""
        variables = {
            "CARGOSTREAM_HOME": str(self.home), "CARGOSTREAM_KAFKA_PORT": str(self.broker.settings.kafka_port),
            "CARGOSTREAM_WORKER_PORT": str(self.port), "CARGOSTREAM_MLFLOW_PORT": "1",
            "PATH": "/usr/bin:/bin", **{f"CARGOSTREAM_{name.upper()}": str(v) for name, v in settings.items()},
            **self.variables,
        }
        log = (self.home / f"worker-{index}.log").open("ab")
        worker = subprocess.Popen([*MORTAL, *self.wrap, sys.executable, "-m", "cargostream", "worker",
                                   "--index", str(index)], env=variables, stdout=log, stderr=log)
        log.close()
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            worker.kill()
            worker.wait(timeout=30)

    def log(self, index: int = 0) -> str:
        return (self.home / f"worker-{index}.log").read_text()

    def health(self, index: int = 0) -> dict[str, Any]:
        """What `/readyz` says; nothing if nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port + index}/readyz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return {}
        return dict(answer.json())

    def wait(self, what: str, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Wait for something, or fail with its name and the worker's last words."""
        deadline = time.monotonic() + timeout_s
        while not _holds(condition):
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}\n{self.log()[-3000:]}"
            time.sleep(0.05)

    def ready(self, index: int = 0) -> None:
        """Wait until a worker is ready."""
        self.wait(f"worker {index} ready", lambda: self.health(index).get("ready"))

    def draw(self, path: str, target: int) -> None:
        """Put an image of a class into the store."""
        (self.images / path).parent.mkdir(parents=True, exist_ok=True)
        (self.images / path).write_bytes(picture(target))

    def row(self, source_id: int, image_path: str | None, op: str = "c", **columns: object) -> None:
        """Put a row on the source topic, as Connect does."""
        row = {"id": source_id, "__op": op, "__deleted": str(op == "d").lower(), "image_path": image_path,
               "timestamp": "2026-11-21T09:00:00.123456Z", "target": None, "sha256": None,
               "__source_ts_ms": 1_795_000_000_000, "__source_lsn": 1000 + source_id}
        self.record(json.dumps({"id": source_id}).encode(), json.dumps(row | columns).encode(), source_id % PARTITIONS)

    def stream(self, first: int, count: int) -> None:
        """Put rows from id `first` on, with images of every class in turn: row n is of class n mod 5."""
        for target, label in enumerate(CARGO_LABELS):
            if not (self.images / f"{label}/1.png").exists():
                self.draw(f"{label}/1.png", target)
        for source_id in range(first, first + count):
            self.row(source_id, f"{CARGO_LABELS[source_id % 5]}/1.png")
        assert self.producer.flush(60) == 0

    def record(self, key: bytes | None, value: bytes | None, partition: int) -> None:
        """Put any bytes on the source topic."""
        self.producer.produce(SOURCE_TOPIC, key=key, value=value, partition=partition)
        self.producer.poll(0)

    def repeat(self, source_id: int, attempt: int = 1, **coordinates: int) -> None:
        """Have a row of `stream` answered again. Its offset is the one that it has where the stream began with 0."""
        at = {"epoch": 1, "partition": source_id % PARTITIONS, "offset": source_id // PARTITIONS, "attempt": attempt}
        row = {"id": source_id, "image_path": f"{CARGO_LABELS[source_id % 5]}/1.png"}
        record = replay_record(row, **at | coordinates)
        self.producer.produce(REPLAY_TOPIC, key=record.key, value=record.value, headers=record.headers,
                              partition=source_id % PARTITIONS)
        self.producer.poll(0)

    def predictions(self) -> list[Prediction]:
        """All answers so far, in no order."""
        assert self.producer.flush(30) == 0
        records = read_all(self.broker.settings.bootstrap, PREDICTIONS_TOPIC)
        answers = [msgspec.json.decode(record.value() or b"", type=Prediction) for record in records]
        assert all(a.source_partition == r.partition() for a, r in zip(answers, records, strict=True))
        return answers

    def dead_letters(self) -> list[tuple[bytes | None, bytes | None, dict[str, str]]]:
        """Key, value and headers of every dead letter."""
        return [(r.key(), r.value(), {name: str(content, "utf-8") for name, content in r.headers() or []})
                for r in read_all(self.broker.settings.bootstrap, DEAD_LETTER_TOPIC)]

    def committed(self, group: str = WORKER_GROUP) -> dict[int, int]:
        """The committed offsets of the worker's group, or of REPLAY_GROUP, by partition."""
        broker, deadline = BrokerView(self.broker.settings.bootstrap, group), time.monotonic() + 30
        while True:
            try:
                positions = broker.positions(*READER_GROUPS[group], set(range(PARTITIONS)))
                break
            except Unavailable:  # while the group's first coordinator comes up
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        return {partition: p.committed for partition, p in positions.items() if p.committed is not None}

    def assert_all_answered(self, count: int) -> None:
        """Rows 0 to count-1 of `stream` are predicted right, and the group knows that they are."""
        answers = self.predictions()
        assert {a.source_id for a in answers} == set(range(count))
        assert all(a.target == a.source_id % 5 for a in answers)
        self.wait("all committed", lambda: sum(self.committed().values()) == count)

    def assert_commits_are_covered(self) -> None:
        """No committed offset lies beyond a record without an answer."""
        committed = self.committed()
        answered = {(a.source_partition, a.source_offset) for a in self.predictions()}
        assert {(p, offset) for p, end in committed.items() for offset in range(end)} <= answered


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (KafkaException, Unavailable):  # a topic or a group that is only just there
        return False


def picture(target: int, seed: int | None = None) -> bytes:
    """A PNG that the test models take for class `target`; with a seed, one that no other seed gives."""
    image = np.full((64, 48, 3), class_colour(target), np.uint8)
    if seed is not None:
        image[:4, :16, 0] = np.unpackbits(np.frombuffer(seed.to_bytes(8, "big"), np.uint8)).reshape(4, 16) * 9
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
