"""Reads what happened, from both databases, the topics and the logs."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import psutil
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from sqlalchemy import Engine

from cargostream.records import DEAD_LETTER_TOPIC, PARTITIONS, PREDICTIONS_TOPIC, SOURCE_TOPIC, Prediction
from cargostream.settings import Settings
from cargostream.sql import load_sql
from operations.lags import connect
from tests.faults.history import Answer, Copy, Row, Write

TOPICS = (SOURCE_TOPIC, PREDICTIONS_TOPIC, DEAD_LETTER_TOPIC)
Ends = dict[tuple[str, int], int]


def ask(engine: Engine, name: str, **values: Any) -> list[dict[str, Any]]:
    """The rows of a statement of this folder."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(load_sql("tests.faults.sql", name), values).mappings()]


def rows(engine: Engine, first: int) -> list[Row]:
    """The table `cargo` of either database from an id on."""
    return [Row(**row) for row in ask(engine, "rows", first=first)]


def answers(engine: Engine, first: int) -> list[Answer]:
    return [Answer(**row) for row in ask(engine, "answers", first=first)]


def writes(engine: Engine, first: int) -> list[Write]:
    """What the audit table has of `cargo_prediction`, in its order."""
    return [Write(row.pop("operation"), Answer(**row)) for row in ask(engine, "writes", first=first)]


def copies(engine: Engine, first: int) -> list[Copy]:
    """What the audit table has of the mirror, in its order."""
    return [Copy(row["operation"], Row(row["id"], row["image_path"], row["sha256"]),
                 (row["epoch"], row["partition"], row["offset"])) for row in ask(engine, "copies", first=first)]


def ends(bootstrap: str, topics: Iterable[str] = TOPICS, admin: AdminClient | None = None) -> Ends:
    """The offset after the last record of each partition; much sooner with a client that is connected already."""
    asked = {TopicPartition(topic, number): OffsetSpec.latest() for topic in topics for number in range(PARTITIONS)}
    client = admin or connect(bootstrap)  # must outlive what it was asked
    found = client.list_offsets(asked, request_timeout=20)
    return {(at.topic, at.partition): future.result(20).offset for at, future in found.items()}


def records(bootstrap: str, topic: str, begin: Ends, deadline_s: float = 120) -> list[Message]:
    """The records of a topic since `begin`, in each partition's order."""
    until = ends(bootstrap)
    first = {number: min(begin.get((topic, number), 0), until[topic, number]) for number in range(PARTITIONS)}
    wanted = {number: until[topic, number] for number in first if until[topic, number] > first[number]}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "faults", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0})
    found: list[Message] = []
    try:
        consumer.assign([TopicPartition(topic, number, first[number]) for number in wanted])
        waited = 0.0
        while wanted:
            came = consumer.consume(1000, timeout=0.5)
            waited = 0.0 if came else waited + 0.5
            assert waited < deadline_s, f"{topic} could not be read"
            for message in came:
                if message.error() is None:
                    found.append(message)
                # Also where a transaction's marker is last, and no record: the partition's end says so.
                number, offset = message.partition() or 0, message.offset() or 0
                if message.error() is not None or offset + 1 >= wanted.get(number, 0):
                    wanted.pop(number, None)
        return found
    finally:
        consumer.close()


def sent(messages: Iterable[Message]) -> list[Answer]:
    """The answers on `cargo-predictions`, without those of challengers and other versions' replays."""
    decoded = [msgspec.json.decode(message.value() or b"", type=Prediction) for message in messages]
    return [Answer(
        source_id=one.source_id, status=one.status, epoch=one.source_epoch, partition=one.source_partition,
        offset=one.source_offset, attempt=one.attempt, label=one.label, confidence=one.confidence,
        error_code=one.error_code, model_version=one.model_version, image_sha256=one.image_sha256)
        for one in decoded if one.purpose == "current"]


def captured(messages: Iterable[Message], epoch: int) -> dict[tuple[int, int, int], bool]:
    """Each record on the source topic, and whether it needs no answer."""
    return {(epoch, message.partition() or 0, message.offset() or 0): _unchanged(message.value())
            for message in messages}


def dead(messages: Iterable[Message]) -> list[tuple[int, int, int]]:
    """The coordinates that the dead letters name."""
    found = []
    for message in messages:
        headers = {name: (content or b"").decode() for name, content in message.headers() or []}  # type: ignore[union-attr]
        if headers.get("topic") == SOURCE_TOPIC:
            found.append((int(headers["epoch"]), int(headers["partition"]), int(headers["offset"])))
    return found


def epoch(settings: Settings) -> int:
    """Of the source topic, as the stack made it."""
    topics = json.loads((settings.home / "run" / "topics.json").read_text())
    return int(topics[SOURCE_TOPIC]["epoch"])


def leaks(settings: Settings, texts: dict[str, bytes]) -> list[str]:
    """Where one of the stack's secrets stands: in its logs, in the given texts, in a process's command line."""
    texts = texts | {f"log {file.name}": file.read_bytes() for file in (settings.home / "logs").iterdir()}
    texts["a command line"] = "\n".join(
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])).encode()
    return [f"the secret {name} stands in {place}" for name, secret in _secrets(settings).items()
            for place, content in texts.items() if secret in content]


def _secrets(settings: Settings) -> dict[str, bytes]:
    found = {}
    for file in (settings.home / "secrets").iterdir():
        for number, line in enumerate(file.read_text().splitlines()):
            secret = line.rpartition("=")[2].strip() if "=" in line and file.suffix == ".properties" else line.strip()
            if len(secret) >= 12:
                found[f"{file.name}:{number}"] = secret.encode()
    return found


def _unchanged(value: bytes | None) -> bool:
    try:
        row = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and row.get("__op") == "u" and all(
        row.get(name) == row.get(f"__before_{name}") for name in ("image_path", "sha256"))
