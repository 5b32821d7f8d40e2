"""Makes the topics before anything reads them, and notices when one was made anew."""

import json
import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic, TopicDescription  # type: ignore[attr-defined]

from cargostream.database import engine
from cargostream.errors import CargostreamError, Unmendable
from cargostream.records import (
    DEAD_LETTER_TOPIC,
    EVENTS_TOPIC,
    INGEST_TOPIC,
    PARTITIONS,
    PREDICTIONS_TOPIC,
    REPLAY_TOPIC,
    SOURCE_TOPIC,
)
from cargostream.settings import Settings
from connectors import epochs

HEARTBEAT_TOPIC = "__debezium-heartbeat.postgres-source"
"""Debezium's own; it holds nothing that anyone needs later."""

DAY_MS = 24 * 60 * 60 * 1000
RETENTION_DAYS = {DEAD_LETTER_TOPIC: 30, HEARTBEAT_TOPIC: 1}
DATA_TOPICS = (SOURCE_TOPIC, PREDICTIONS_TOPIC, INGEST_TOPIC, REPLAY_TOPIC, EVENTS_TOPIC, DEAD_LETTER_TOPIC)

log = logging.getLogger(__name__)


def ensure_topics(settings: Settings, deadline_s: float = 30) -> dict[str, dict[str, Any]]:
    """Every topic exists, is seen by the broker and has an epoch; `{topic: {"id", "epoch"}}`, also in run/topics.json.

    Raises:
        Unmendable: a topic has another number of partitions.
        CargostreamError: the broker does not answer in time.
    """
    admin = AdminClient({"bootstrap.servers": settings.bootstrap, "socket.timeout.ms": 10_000}, logger=log)
    operator = engine(settings, "target", "operator")
    try:
        known = epochs.known_ids(operator)
        anew = _anew(known, _describe(admin, DATA_TOPICS, deadline_s))
        if anew:
            epochs.start_epochs(settings, operator, anew)
        found = _all_visible(admin, deadline_s)
        _check(found)
        if late := set(_anew(known, found)) - set(anew):
            raise CargostreamError(f"Topic {min(late)} is being made anew by somebody else. Try again.")
        ids = {name: str(found[name].topic_id) for name in DATA_TOPICS}
        epochs.rewind(settings, anew, deadline_s)
        epoch = epochs.record_ids(operator, ids)
    except KafkaException as error:
        raise CargostreamError(
            f"The topics could not be made on the broker at {settings.bootstrap}: {error.args[0].str()}. "
            f"See the broker's log with `cargostream logs kafka`.") from error
    finally:
        operator.dispose()
    topics = {name: {"id": ids[name], "epoch": epoch[name]} for name in DATA_TOPICS}
    _write(settings, topics)
    return topics


def _anew(known: dict[str, str], found: dict[str, TopicDescription]) -> list[str]:
    """Topics that were there before and are lost, or others by now."""
    return [name for name in DATA_TOPICS
            if name in known and (name not in found or str(found[name].topic_id) != known[name])]


def _check(found: dict[str, TopicDescription]) -> None:
    for name in DATA_TOPICS:
        if (count := len(found[name].partitions)) != PARTITIONS:
            raise Unmendable(
                f"Topic {name} has {count} partitions where {PARTITIONS} are the contract: a row's partition follows "
                f"from its id. Delete the topic (its records are lost) and run `cargostream up` again.")


def _all_visible(admin: AdminClient, deadline_s: float) -> dict[str, TopicDescription]:
    deadline = time.monotonic() + deadline_s
    names = [*DATA_TOPICS, HEARTBEAT_TOPIC]
    while True:
        found = _describe(admin, names, deadline_s)
        missing = [name for name in names if name not in found]
        if not missing:
            return found
        if time.monotonic() > deadline:
            raise CargostreamError(
                f"The broker did not show the topics {', '.join(missing)} within {deadline_s:.0f} s of making them. "
                f"See its log with `cargostream logs kafka`.")
        _create(admin, missing)
        time.sleep(0.05)


def _describe(admin: AdminClient, names: Iterable[str], deadline_s: float) -> dict[str, TopicDescription]:
    found = {}
    for name, future in admin.describe_topics(TopicCollection(list(names)), request_timeout=deadline_s).items():
        try:
            found[name] = future.result()
        except KafkaException as error:
            _unless(error, KafkaError.UNKNOWN_TOPIC_OR_PART)
    return found


def _create(admin: AdminClient, names: Iterable[str]) -> None:
    for future in admin.create_topics([_new(name) for name in names], request_timeout=10).values():
        try:
            future.result()
        except KafkaException as error:
            _unless(error, KafkaError.TOPIC_ALREADY_EXISTS)


def _new(name: str) -> NewTopic:
    """The broker's own clock stamps records: a producer's clock that is years off must not decide what is old."""
    return NewTopic(name, num_partitions=1 if name == HEARTBEAT_TOPIC else PARTITIONS, config={
        "cleanup.policy": "delete",
        "retention.ms": str(RETENTION_DAYS.get(name, 7) * DAY_MS),
        "segment.ms": str(DAY_MS),
        "max.message.bytes": str(1024 * 1024 + 64 * 1024),
        "message.timestamp.type": "LogAppendTime",
    })


def _unless(error: KafkaException, expected: int) -> None:
    if error.args[0].code() != expected:
        raise error


def _write(settings: Settings, topics: dict[str, dict[str, Any]]) -> None:
    folder = settings.home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".topics.json.{os.getpid()}"
    temporary.write_text(json.dumps(topics, indent=2) + "\n", encoding="utf-8")
    temporary.rename(folder / "topics.json")
