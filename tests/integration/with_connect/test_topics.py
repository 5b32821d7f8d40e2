"""Topics are made once; one that was made anew starts an epoch, which its readers begin at its beginning."""

import json

import msgspec
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from cargostream.errors import CargostreamError, Unmendable
from cargostream.records import EVENTS_TOPIC, PARTITIONS, PREDICTIONS_TOPIC, SOURCE_TOPIC, WORKER_GROUP, Prediction
from cargostream.settings import load_settings
from connectors.apply import apply, halt
from connectors.desired import CONNECTORS
from connectors.status import status
from connectors.topics import ensure_topics
from tests.support.connect import until


@pytest.fixture
def admin(settings):
    return AdminClient({"bootstrap.servers": settings.bootstrap})


@pytest.fixture
def drop(admin):
    """Delete a topic, whoever reads it, and wait until it is gone."""
    def topic(name):
        admin.delete_topics([name])[name].result(30)
        until(lambda: name not in admin.list_topics(timeout=5).topics, "the topic is gone")
    return topic


@pytest.fixture
def update(databases):
    def write(identity, image_path):
        databases.query("source", "UPDATE cargo SET image_path = :path WHERE id = :id", "writer",
                        path=image_path, id=identity)
    return write


@pytest.fixture
def long_lived(insert, update, mirrored):
    """A row that was changed so often that in a topic made anew its offsets are low."""
    identity = insert("first.jpg")
    for number in range(30):
        update(identity, f"{number}.jpg")
    until(lambda: (mirrored(identity) or {"image_path": None})["image_path"] == "29.jpg", "all changes are mirrored")
    return identity


def test_made_once(settings, first_topics):
    again = ensure_topics(settings)
    assert again == ensure_topics(settings)
    assert json.loads((settings.home / "run" / "topics.json").read_text()) == again
    assert {topic["epoch"] for topic in first_topics.values()} == {1}


def test_a_topic_made_anew_starts_an_epoch(settings, drop, connectors):
    before = ensure_topics(settings)
    drop(EVENTS_TOPIC)
    after = ensure_topics(settings)
    assert after[EVENTS_TOPIC]["epoch"] == before[EVENTS_TOPIC]["epoch"] + 1
    assert after[EVENTS_TOPIC]["id"] != before[EVENTS_TOPIC]["id"]
    assert {name: after[name] for name in before if name != EVENTS_TOPIC} == \
        {name: before[name] for name in before if name != EVENTS_TOPIC}


def test_nothing_is_too_old_for_a_source_topic_that_was_lost(
        connectors, settings, databases, drop, long_lived, insert, update, mirrored, send):
    before = ensure_topics(settings)[SOURCE_TOPIC]["epoch"]
    answer = Prediction(long_lived, "predicted", before, 0, 1000, target=1, label="brick", confidence=1,
                        model_version=1)
    send(PREDICTIONS_TOPIC, msgspec.json.encode(answer))
    drop(SOURCE_TOPIC)
    epoch = ensure_topics(settings)[SOURCE_TOPIC]["epoch"]
    assert epoch == before + 1
    assert {each["state"] for each in status(settings)} == {"STOPPED", "RUNNING"}
    apply(settings)
    new = insert("new.jpg")
    update(long_lived, "again.jpg")
    until(lambda: mirrored(new) and mirrored(long_lived)["image_path"] == "again.jpg", "both are mirrored", 60)
    assert [mirrored(identity)["source_epoch"] for identity in (new, long_lived)] == [epoch, epoch]
    offset = mirrored(long_lived)["source_offset"]
    assert offset < 30
    send(PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
        answer, label="wood", target=4, source_epoch=epoch, source_offset=offset)))
    label = "SELECT label FROM cargo_prediction WHERE source_id = :id"
    until(lambda: databases.query("target", label, id=long_lived) == [{"label": "wood"}], "the answer stands")


def test_what_readers_took_under_the_old_epoch_they_take_again(
        connectors, settings, admin, drop, long_lived, insert, update, mirrored):
    """Connect starts beside the broker: it may be at work on a new topic before anybody looked at the topic's id."""
    before = ensure_topics(settings)[SOURCE_TOPIC]["epoch"]
    halt(settings, CONNECTORS)
    drop(SOURCE_TOPIC)
    admin.create_topics([NewTopic(SOURCE_TOPIC, PARTITIONS, 1)])[SOURCE_TOPIC].result(30)
    apply(settings)
    update(long_lived, "too old.jpg")
    witness = insert("witness.jpg")
    until(lambda: mirrored(witness), "the sinks read the new topic", 60)
    assert mirrored(witness)["source_epoch"] == before
    epoch = ensure_topics(settings)[SOURCE_TOPIC]["epoch"]
    assert epoch == before + 1
    apply(settings)
    until(lambda: mirrored(long_lived)["image_path"] == "too old.jpg", "the change is mirrored after all", 60)
    assert mirrored(long_lived)["source_epoch"] == epoch
    until(lambda: mirrored(witness)["source_epoch"] == epoch, "so is the other row")


def test_a_worker_at_work_is_told_and_the_next_run_does_the_rest(connectors, settings, drop, insert, mirrored):
    before = ensure_topics(settings)
    worker = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": WORKER_GROUP})
    worker.subscribe([SOURCE_TOPIC])
    try:
        until(lambda: worker.poll(0.1) or worker.assignment(), "the worker has partitions")
        drop(SOURCE_TOPIC)
        with pytest.raises(CargostreamError, match=rf"its reader {WORKER_GROUP} could not be reset.*cargostream down"):
            ensure_topics(settings, deadline_s=3)
        assert json.loads((settings.home / "run" / "topics.json").read_text()) == before
    finally:
        worker.close()
    after = ensure_topics(settings)
    assert after[SOURCE_TOPIC]["epoch"] == before[SOURCE_TOPIC]["epoch"] + 1
    assert ensure_topics(settings) == after
    apply(settings)
    identity = insert()
    until(lambda: mirrored(identity), "rows flow", 60)


def test_a_wrong_number_of_partitions_is_refused(settings, admin, drop):
    drop(EVENTS_TOPIC)
    admin.create_topics([NewTopic(EVENTS_TOPIC, 3, 1)])[EVENTS_TOPIC].result(30)
    with pytest.raises(Unmendable, match="cargo-events has 3 partitions where 8 are the contract"):
        until(lambda: ensure_topics(settings), "refused")
    drop(EVENTS_TOPIC)
    ensure_topics(settings)


def test_no_broker(settings):
    nowhere = load_settings(settings.home).model_copy(update={"kafka_port": 1})
    with pytest.raises(CargostreamError, match="could not be made on the broker"):
        ensure_topics(nowhere, deadline_s=2)
