"""A worker that cannot work says why, and touches nothing."""

import signal
import time

import msgspec
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]

from cargostream.records import PARTITIONS, SOURCE_TOPIC
from tests.support.workers import Rig


def test_a_topic_that_was_made_anew_is_not_worked_on(rig: Rig) -> None:
    run = rig.home / "run/topics.json"
    run.write_text(run.read_text().replace(msgspec.json.decode(run.read_bytes())[SOURCE_TOPIC]["id"], "another"))
    worker = rig.start()
    assert worker.wait(timeout=60) == 1
    assert "giving up" in rig.log()
    assert "not the one that the stack made" in rig.log()


def test_a_topic_with_more_partitions_is_not_worked_on(rig: Rig) -> None:
    """Rows have moved to other partitions, where their offsets start anew: the guard would take the new for the old."""
    admin = rig.broker.admin()  # must outlive what it was asked
    (grown,) = admin.create_partitions([NewPartitions(SOURCE_TOPIC, 2 * PARTITIONS)]).values()
    grown.result(30)
    rig.wait("the topic has grown", lambda: len(
        admin.list_topics(SOURCE_TOPIC, timeout=10).topics[SOURCE_TOPIC].partitions) == 2 * PARTITIONS)
    rig.stream(0, 20)
    worker = rig.start()
    assert worker.wait(timeout=60) == 1
    assert f"more than {PARTITIONS} partitions" in rig.log()
    assert rig.predictions() == []


def test_a_second_worker_of_the_same_index_is_refused_and_the_first_goes_on(rig: Rig) -> None:
    rig.start()
    rig.ready()
    assert rig.start().wait(timeout=60) == 2
    assert "Worker 0" in rig.log()
    assert "Traceback" not in rig.log()
    rig.stream(0, 20)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 20)


def test_without_a_model_nothing_is_consumed(rig: Rig) -> None:
    (rig.home / "models/champion.json").unlink()
    rig.stream(0, 10)
    worker = rig.start()
    rig.wait("health answers", lambda: rig.health().get("reason") == "no model")
    time.sleep(1)
    assert rig.committed() == {}
    assert rig.predictions() == []
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=30) == 0


def test_a_damaged_model_in_the_cache_never_serves(rig: Rig) -> None:
    (model,) = (rig.home / "models").glob("*/model.onnx")
    model.write_bytes(model.read_bytes()[:-10])
    rig.start()
    rig.wait("refused", lambda: "cached model refused" in rig.log())
    assert rig.health()["reason"] == "no model"
