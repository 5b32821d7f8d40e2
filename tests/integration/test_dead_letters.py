"""`cargostream dlq` on a running stack, over the topic and both databases."""

import json
import subprocess
import sys
import time
from os import environ
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from benchmarks.stack import Stack
from cargostream.records import DEAD_LETTER_TOPIC, INGEST_TOPIC, SOURCE_TOPIC, DeadLetter
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.timeout(600)
NINE = "2026-11-21T09:00:00+00:00"


@pytest.fixture(scope="module")
def pipeline(stack: Stack) -> Pipeline:
    return Pipeline(stack)


def dlq(stack: Stack, *command: str) -> Any:
    return json.loads(stack.run("dlq", *command, "--json"))


def marked(stack: Stack, mark: str, count: int, *options: str) -> dict[str, dict[str, Any]]:
    """The letters whose value has this mark, by where they are; waits for so many."""
    deadline = time.monotonic() + 90
    while len(found := [one for one in dlq(stack, "list", *options) if mark in (one["value"] or "")]) < count:
        assert time.monotonic() < deadline, f"{found} are all within 90 s"
        time.sleep(0.2)
    assert len(found) == count
    return {one["id"].split(":")[0]: one for one in found}


def put(stack: Stack, topic: str, key: bytes, value: bytes, partition: int = 3,
        at: DeadLetter | None = None) -> None:
    headers = {name: str(told) for name, told in msgspec.structs.asdict(at).items() if told is not None} if at else {}
    producer = Producer({"bootstrap.servers": stack.settings.bootstrap})
    producer.produce(topic, value, key, partition, headers=list(headers.items()))
    assert producer.flush(30) == 0


def test_a_record_is_found_shown_replayed_and_put_aside_wherever_it_is_kept(stack: Stack, pipeline: Pipeline) -> None:
    # One record that nobody can read comes to the worker and to the mirror, another to the source.
    put(stack, SOURCE_TOPIC, b'{"id": 1}', b'all-three \x1b[2J\xff "')
    put(stack, INGEST_TOPIC, b"k", b"[\"all-three\"]")
    letters = marked(stack, "all-three", 3)
    kafka, target, source = (letters[where] for where in ("kafka", "target", "source"))
    assert (kafka["topic"], kafka["partition"], kafka["code"], kafka["stage"], kafka["attempt"]) == (
        SOURCE_TOPIC, 3, "invalid_message", "read", 0)
    assert kafka["offset"] == target["offset"]
    assert (target["stage"], target["code"]) == ("apply", "22021")
    assert "JSON array" in source["reason"]
    alarms = "SELECT subject FROM cargo_event WHERE kind = 'records_refused' AND severity = 'alarm' AND at > :since"
    pipeline.wait("the alarms", lambda: {"source", "target"} <= {
        row.subject for row in pipeline.ask(alarms, since=source["at"])})
    assert "The source database refused records of cargo-ingest, " in stack.run("status")

    shown = dlq(stack, "show", kafka["id"])
    assert (shown["value"], shown["value_bytes"]) == ('all-three \\x1b[2J\\xff "', 17)
    assert shown["at"] > "2026"
    assert "\x1b" not in stack.run("dlq", "show", kafka["id"])
    assert "all-three" not in stack.run("dlq", "list"), "the table has reasons, not payloads"

    before = json.loads(stack.run("status", "--json"))
    # It is no more readable now: it comes back, as another attempt at the same record. The others stay refused.
    (sent,) = dlq(stack, "replay", kafka["id"])
    assert sent["done"]
    back = marked(stack, "all-three", 3)["kafka"]
    assert (back["id"] != kafka["id"], back["offset"], back["attempt"]) == (True, kafka["offset"], 1)
    (told,) = dlq(stack, "replay", kafka["id"])
    assert told["what"].startswith("was replayed at ")
    for refused in (source, target):
        done = failing(stack, "dlq", "replay", refused["id"], "--json")
        assert json.loads(done.stdout)[0]["what"].startswith("refused again: ")

    dlq(stack, "dismiss", back["id"], source["id"], target["id"])
    marked(stack, "all-three", 0)
    assert {one["handled"]["what"] for one in marked(stack, "all-three", 4, "--all").values()} <= {
        "replayed", "dismissed"}
    after = json.loads(stack.run("status", "--json"))
    assert before["topics"]["dead_letters"] - after["topics"]["dead_letters"] == 1
    assert sum(row["records"] for row in before["refused"]) - sum(row["records"] for row in after["refused"]) == 2


def test_a_dead_letter_that_can_be_read_is_answered_once(stack: Stack, pipeline: Pipeline) -> None:
    """As after an upgrade that can read what the worker before could not."""
    path, digest = pipeline.draw("letter.png", 2, 9_400)
    (source_id,) = pipeline.insert([(path, digest, None)])
    was = pipeline.await_answers([source_id])[source_id]
    at = DeadLetter(SOURCE_TOPIC, was.source_partition, was.source_offset, "too new", NINE, epoch=was.source_epoch)
    row = {"id": source_id, "__op": "c", "image_path": path, "ingest_key": "answered-once"}
    put(stack, DEAD_LETTER_TOPIC, msgspec.json.encode({"id": source_id}), msgspec.json.encode(row),
        was.source_partition, at)
    letter = marked(stack, "answered-once", 1)["kafka"]
    for _ in range(2):
        assert dlq(stack, "replay", letter["id"])[0]["done"]
    pipeline.wait("the answer", lambda: pipeline.answers([source_id])[source_id].attempt == 1)
    assert pipeline.answers([source_id])[source_id].label == was.label
    marked(stack, "answered-once", 0)
    dlq(stack, "replay", letter["id"], "--again")
    repeats = "SELECT redelivered FROM cargo_prediction_history WHERE source_id = :id AND attempt = 1"
    pipeline.wait("the repeat", lambda: pipeline.ask(repeats, id=source_id)[0].redelivered == 1)


def test_what_is_not_whole_or_not_there_is_told(stack: Stack) -> None:
    put(stack, DEAD_LETTER_TOPIC, b"k", b"only-a-part",
        at=DeadLetter(SOURCE_TOPIC, 3, 5, "too long", NINE, epoch=1, cut_from=2_000_000))
    put(stack, DEAD_LETTER_TOPIC, b"k", b"a-strangers")
    part, strange = (marked(stack, mark, 1)["kafka"] for mark in ("only-a-part", "a-strangers"))
    assert (part["value_bytes"], strange["code"]) == (2_000_000, "unknown")
    for letter, words in ((part, "Of kafka:3:"), (strange, "does not say which source record")):
        assert words in json.loads(failing(stack, "dlq", "replay", letter["id"], "--json").stdout)[0]["what"]
    for absent in ("kafka:7:999999", "kafka:99:0", "source:999999"):
        assert "There is no" in failing(stack, "dlq", "show", absent, code=2).stderr
    dlq(stack, "dismiss", part["id"], strange["id"])


def test_what_waits_is_listed_however_much_that_is_handled_came_after_it(stack: Stack) -> None:
    late = DeadLetter(SOURCE_TOPIC, 5, 7, "of another time", "2999-01-01T00:00:00+00:00", epoch=1)
    for number in range(6):
        put(stack, DEAD_LETTER_TOPIC, b"k", b"came-before %d" % number, partition=5, at=late)
    ids = {one["value"]: one["id"] for one in dlq(stack, "list")
           if "came-before" in (one["value"] or "")}
    dlq(stack, "dismiss", *(ids[f"came-before {number}"] for number in (1, 3, 4, 5)))
    assert [one["value"] for one in dlq(stack, "list", "--limit", "2")] == ["came-before 0", "came-before 2"]
    dlq(stack, "dismiss", ids["came-before 0"], ids["came-before 2"])
    assert "came-before" not in stack.run("dlq", "list", "--limit", "2", "--json")


def failing(stack: Stack, *command: str, code: int = 1) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([sys.executable, "-m", "cargostream", *command], text=True, capture_output=True, timeout=120,
                          env={**environ, "CARGOSTREAM_HOME": str(stack.home)}, check=False)
    assert done.returncode == code, done.stderr
    return done
