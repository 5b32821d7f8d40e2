"""The truth about the data at one moment, gathered from every part at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import msgspec
from confluent_kafka import KafkaException
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.database import engine
from cargostream.settings import Settings
from operations.dead_letters import count_handled
from operations.lags import Topics, read_topics
from operations.rows import Rows, query, read_rows
from operations.words import in_one_line

RUNNING = 1000
"""Answers that the running accuracy is about."""

UNTESTED_S = 120.0


class Slot(msgspec.Struct, frozen=True):
    """A replication slot of the source; bytes of WAL that it holds, and that its reader has not confirmed."""

    name: str
    active: bool
    wal_status: str
    held_bytes: int
    unread_bytes: int


class Worker(msgspec.Struct, frozen=True):
    """A worker process, as it says itself at `/readyz`; `detail` is its whole answer."""

    address: str
    ready: bool
    model_version: int | None
    detail: dict[str, Any]


class Data(msgspec.Struct, frozen=True):
    """What could be read. A part that did not answer is None here and has its reason in `unreadable`.

    `accuracy` is of the newest RUNNING answers of the version that answered last, `drift` of the newest window that was
    tested; both are empty before there is one. `untested` names versions of which a whole window of answers has waited
    for UNTESTED_S to be tested. `verified` is how far `cargostream verify --watch` has come, as `verify_state` has it.
    """

    rows: Rows | None = None
    last_answer_age_s: float | None = None
    slots: list[Slot] | None = None
    topics: Topics | None = None
    workers: list[Worker] | None = None
    accuracy: dict[str, Any] | None = None
    drift: dict[str, Any] | None = None
    untested: list[int] | None = None
    verified: dict[str, Any] | None = None
    refused: list[dict[str, Any]] | None = None
    events: list[dict[str, Any]] | None = None
    unreadable: dict[str, str] = {}


def read_data(settings: Settings) -> Data:
    """Ask every part at the same time; takes a few seconds at most, whatever is down."""
    source, target = engine(settings, "source", "dashboard"), engine(settings, "target", "dashboard")
    probes: dict[str, Callable[[], Any]] = {
        "rows": lambda: read_rows(source, target),
        "last_answer_age_s": lambda: query(target, "last_answer")[0]["age_s"],
        "slots": lambda: [Slot(**row) for row in query(source, "slot")],
        "topics": lambda: _topics(settings, target),
        "workers": lambda: [_worker(settings.host, settings.worker_port + number)
                            for number in range(settings.worker_processes)],
        "accuracy": lambda: dict(next(iter(query(target, "running_accuracy", rows=RUNNING)), {})),
        "drift": lambda: dict(next(iter(query(target, "drift")), {})),
        "untested": lambda: [row["model_version"] for row in query(
            target, "windows_due", rows=settings.drift_window, quiet=1, settle=UNTESTED_S)],
        "verified": lambda: dict(next(iter(query(target, "verify_state")), {})),
        "refused": lambda: [{"database": name, **row} for name, server in (("source", source),
                            ("target", target)) for row in query(server, "refused")],
        "events": lambda: [dict(row) for row in query(target, "events")],
    }
    read: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    try:
        with ThreadPoolExecutor(len(probes)) as pool:
            answers = {name: pool.submit(probe) for name, probe in probes.items()}
        for name, answer in answers.items():
            try:
                read[name] = answer.result()
            except (DBAPIError, KafkaException, TimeoutError) as error:
                unreadable[name] = in_one_line(error)
    finally:
        source.dispose()
        target.dispose()
    return Data(**read, unreadable=unreadable)


def _topics(settings: Settings, target: Engine) -> Topics:
    """Dead letters that somebody has handled do not count, as far as the target tells."""
    topics = read_topics(settings.bootstrap)
    with suppress(DBAPIError):
        handled = count_handled(target, topics.first_letters)
        topics = msgspec.structs.replace(topics, dead_letters=topics.dead_letters - handled)
    return topics


def _worker(host: str, port: int) -> Worker:
    address = f"http://{host}:{port}"
    try:
        answer = httpx.get(f"{address}/readyz", timeout=2.0, trust_env=False)
        detail = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return Worker(address, False, None, {"error": str(error)})
    return Worker(address, answer.status_code == 200, detail.get("model_version"), detail)
