"""A worker that sleeps past its session time-out and wakes up changes nothing that stands."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from os import environ

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from benchmarks.stack import Stack
from cargostream.records import PARTITIONS, SOURCE_TOPIC, WORKER_GROUP
from tests.support.pipeline import Pipeline

SLEEPER = 1


@pytest.fixture
def sleeper(stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    """A second worker process, beside the runner's own."""
    with (stack.home / "logs" / "sleeper.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "cargostream", "worker", "--index", str(SLEEPER)],
                                   env={**environ, "CARGOSTREAM_HOME": str(stack.home)}, stdout=log, stderr=log)
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait(30)


def health(pipeline: Pipeline, index: int) -> dict[str, object]:
    try:
        return dict(httpx.get(f"http://127.0.0.1:{pipeline.settings.worker_port + index}/readyz", timeout=5).json())
    except httpx.HTTPError:
        return {}


def partitions(pipeline: Pipeline, index: int) -> int:
    held = health(pipeline, index).get("partitions")
    return len(held) if isinstance(held, list) else 0


def committed(pipeline: Pipeline) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": pipeline.settings.bootstrap, "group.id": WORKER_GROUP})
    try:
        asked = [TopicPartition(SOURCE_TOPIC, number) for number in range(PARTITIONS)]
        return {tp.partition: tp.offset for tp in consumer.committed(asked, timeout=30)}
    finally:
        consumer.close()


def test_late_answers_of_a_worker_that_slept_lose(stack: Stack, sleeper: subprocess.Popen[bytes]) -> None:
    pipeline = Pipeline(stack)
    pipeline.wait("two workers that share the partitions",
                  lambda: partitions(pipeline, 0) == partitions(pipeline, SLEEPER) == PARTITIONS // 2)

    # Images that are missing keep their rows in flight for two seconds: the sleeper falls asleep over them.
    ids = pipeline.insert([(f"tests/late/{n}.png", None, None) for n in range(200)])
    pipeline.wait("rows in flight at the sleeper", lambda: health(pipeline, SLEEPER).get("waiting"), timeout_s=2)
    sleeper.send_signal(signal.SIGSTOP)
    pipeline.wait("the other worker has all partitions", lambda: partitions(pipeline, 0) == PARTITIONS)
    assert {answer.error_code for answer in pipeline.await_answers(ids).values()} == {"file_not_found"}

    # Meanwhile half of the rows get another image, and some are deleted.
    moved, gone = ids[::2], ids[1::10]
    path, digest = pipeline.draw("moved.png", 2, 77)
    pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :digest WHERE id = ANY(:ids)",
                    path=path, digest=digest, ids=moved)
    pipeline.change("DELETE FROM cargo WHERE id = ANY(:ids)", ids=gone)
    pipeline.wait("the new answers", lambda: all(
        answer.status == "predicted" for answer in pipeline.answers(moved).values()) and not pipeline.answers(gone))
    before, offsets = pipeline.answers(ids), committed(pipeline)

    sleeper.send_signal(signal.SIGCONT)
    pipeline.wait("the sleeper back in the group", lambda: partitions(pipeline, SLEEPER) == PARTITIONS // 2)
    more = pipeline.insert([(path, digest, None) for _ in range(2 * PARTITIONS)])
    pipeline.await_answers(more)

    late = pipeline.ask("SELECT sum(redelivered) AS repeats, sum(conflicts) AS conflicts FROM cargo_prediction_history "
                        "WHERE source_id = ANY(:ids)", ids=ids)[0]
    assert late.repeats > 0, "the sleeper sent nothing late, so nothing was proved"
    assert late.conflicts == 0
    assert pipeline.answers(ids) == before
    assert not pipeline.answers(gone)
    assert all(offset >= offsets[partition] for partition, offset in committed(pipeline).items())
