"""Rows and records through Debezium, Kafka and the JDBC sinks, good ones and bad ones."""


import msgspec

from cargostream.records import (
    INGEST_TOPIC,
    PREDICTIONS_TOPIC,
    SOURCE_TOPIC,
    Prediction,
)
from connectors.status import is_running, status
from connectors.topics import ensure_topics
from tests.support.connect import until


def test_a_row_and_its_changes_reach_the_mirror(connectors, databases, insert, mirrored):
    identity = insert("a.jpg", target=2, sha256="f" * 64, ingest_key="the row")
    row = until(lambda: mirrored(identity), "the row is mirrored")
    (source,) = databases.query("source", "SELECT * FROM cargo WHERE id = :id", id=identity)
    assert {name: row[name] for name in source} == dict(source)
    assert row["source_epoch"] == ensure_topics(databases.settings)[SOURCE_TOPIC]["epoch"]
    assert row["committed_at"] <= row["stored_at"]
    databases.query("source", "UPDATE cargo SET image_path = 'b.jpg' WHERE id = :id", "writer", id=identity)
    until(lambda: mirrored(identity)["image_path"] == "b.jpg", "the change is mirrored")
    databases.query("source", "DELETE FROM cargo WHERE id = :id", "writer", id=identity)
    until(lambda: mirrored(identity) is None, "the deletion is mirrored")
    insert("c.jpg", id=identity)
    until(lambda: mirrored(identity), "the new row under the old id is mirrored")


def test_many_rows_of_one_transaction_with_changes_in_it(connectors, databases):
    databases.query("source", """
        INSERT INTO cargo (image_path) SELECT 'many/' || n FROM generate_series(1, 3000) AS n""", "writer")
    databases.query("source", "UPDATE cargo SET target = id % 5 WHERE starts_with(image_path, 'many/')", "writer")
    databases.query("source", "DELETE FROM cargo WHERE starts_with(image_path, 'many/') AND id % 10 = 0", "writer")
    digest = """SELECT count(*), md5(string_agg(concat(id, image_path, target), ',' ORDER BY id))
                  FROM cargo WHERE starts_with(image_path, 'many/')"""
    wanted = databases.query("source", digest)
    until(lambda: databases.query("target", digest) == wanted, "both sides are equal", 60)


def test_predictions_are_applied(connectors, databases, send):
    answer = Prediction(10**9, "predicted", 1, 0, 5, target=1, label="brick", confidence=0.5, model_version=1)
    send(PREDICTIONS_TOPIC, msgspec.json.encode(answer), msgspec.json.encode(answer))
    read = "SELECT redelivered FROM cargo_prediction_history WHERE source_id = 1000000000"
    until(lambda: [row["redelivered"] for row in databases.query("target", read)] == [1], "answer and repeat")


def test_ingest_goes_the_whole_way_and_bad_records_stop_nothing(connectors, databases, send):
    bad = [b"\xff\xfe", b"null", b"", None, b"[1]", b'{"ingest_key": "b", "image_path": "a", "target": "1"}',
           b'{"ingest_key": "b", "image_path": "\\u0000"}', b'{"ingest_key": "b"}', b"{" * 5000]
    good = b'{"ingest_key": "whole way", "image_path": "ingested.jpg", "target": 3}'
    send(INGEST_TOPIC, *bad, good, good)
    read = "SELECT count(*) AS rows FROM cargo WHERE ingest_key = 'whole way'"
    until(lambda: databases.query("target", read)[0]["rows"] == 1, "the ingested row is mirrored")
    refused = "SELECT payload FROM refused WHERE topic = :topic ORDER BY \"offset\""
    kept = [row["payload"] and bytes(row["payload"])
            for row in databases.query("source", refused, topic=INGEST_TOPIC)]
    assert kept == [value or None for value in bad] or kept == bad
    assert all(map(is_running, status(databases.settings)))


def test_garbage_on_the_source_topic_stops_nothing(connectors, databases, send, insert, mirrored):
    send(SOURCE_TOPIC, b"garbage", None, b'{"id": "x"}', b'{"image_path": "no id"}')
    refused = "SELECT sqlstate FROM refused WHERE topic = :topic"
    until(lambda: len(databases.query("target", refused, topic=SOURCE_TOPIC)) == 4, "four records are kept")
    identity = insert()
    until(lambda: mirrored(identity), "the next row is mirrored")
