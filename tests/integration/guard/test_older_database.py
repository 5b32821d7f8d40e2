"""A database that an earlier version made is brought up to date, with what is in it, under a running sink."""

import msgspec
import pytest
from sqlalchemy import text

from cargostream.records import PREDICTIONS_TOPIC
from connectors.schema import apply_schema
from tests.support.answers import GOOD
from tests.support.databases import INSERT

OLDER = """
ALTER TABLE cargo_prediction DROP COLUMN embedding_distance CASCADE;
ALTER TABLE cargo_prediction_history DROP COLUMN embedding_distance CASCADE;
UPDATE schema_version SET digest = 'older';
"""

DISTANCES = """
SELECT source_offset, h.embedding_distance, r.embedding_distance AS shown
FROM cargo_prediction_history h JOIN cargo_result_history r USING (source_id, source_offset)
WHERE source_id = :id ORDER BY source_offset
"""


def test_a_column_that_came_later(databases, source_id, current):
    def deliver(sink, offset):
        record = msgspec.structs.replace(GOOD, source_id=source_id, source_offset=offset)
        sink.execute(INSERT, {"topic": PREDICTIONS_TOPIC, "partition": 0, "offset": databases.next(),
                              "payload": msgspec.json.encode(record)})
        sink.commit()

    with databases.engine("target", "sink").connect() as sink:
        deliver(sink, 10)  # from here on it has its plans of the functions
        with databases.engine("target", "admin").begin() as admin:
            admin.execute(text(OLDER))
        apply_schema(databases.settings)
        deliver(sink, 20)
    assert current() == ("brick", 20, 0)
    (row,) = databases.query("target", "SELECT p.embedding_distance, r.embedding_distance AS shown "
                             "FROM cargo_prediction p JOIN cargo_result r USING (source_id) WHERE source_id = :id",
                             "dashboard", id=source_id)
    assert tuple(row.values()) == (pytest.approx(0.125), pytest.approx(0.125))
    kept = databases.query("target", DISTANCES, "dashboard", id=source_id)
    assert [tuple(row.values()) for row in kept] == [(10, None, None), (20, 0.125, 0.125)]


def test_applying_the_schema_again_changes_nothing(databases, answer, current):
    answer(10)
    with databases.engine("target", "admin").begin() as admin:
        admin.execute(text("UPDATE schema_version SET digest = 'another'"))
    apply_schema(databases.settings)
    assert current() == ("brick", 10, 0)
