"""What tests of the guards share: answers for an id of the test's own, and what came of them."""


import msgspec
import pytest

from cargostream.records import PREDICTIONS_TOPIC, Prediction
from tests.support.answers import GOOD


@pytest.fixture
def source_id(databases):
    return databases.next()


@pytest.fixture
def answer(databases, source_id):
    """Deliver an answer for this test's id."""
    def deliver(offset, **changes):
        record = msgspec.structs.replace(GOOD, source_id=source_id, source_offset=offset, **changes)
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(record))
    return deliver


@pytest.fixture
def delete(databases, source_id):
    def deliver(offset, **changes):
        record = Prediction(source_id, "deleted", **({"source_epoch": 1, "source_partition": 0} | changes),
                            source_offset=offset)
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(record))
    return deliver


@pytest.fixture
def current(databases, source_id):
    """The current answer as (label, offset, attempt), or None."""
    def read():
        rows = databases.query("target", "SELECT label, source_offset, attempt FROM cargo_prediction "
                                         "WHERE source_id = :id", id=source_id)
        return tuple(rows[0].values()) if rows else None
    return read


@pytest.fixture
def history(databases, source_id):
    """Every answer kept as (label, offset, attempt, version, redelivered, conflicts), in order."""
    def read():
        rows = databases.query(
            "target", "SELECT label, source_offset, attempt, model_version, redelivered, conflicts "
            "FROM cargo_prediction_history WHERE source_id = :id ORDER BY source_epoch, 2, 3, 4", id=source_id)
        return [tuple(row.values()) for row in rows]
    return read


@pytest.fixture
def purposes(databases, source_id):
    """Every answer kept as (offset, version, purpose), in order."""
    def read():
        rows = databases.query("target", "SELECT source_offset, model_version, purpose FROM cargo_prediction_history "
                                         "WHERE source_id = :id ORDER BY 1, 2", id=source_id)
        return [tuple(row.values()) for row in rows]
    return read


@pytest.fixture
def refused(databases):
    def read(topic, offset, server="target"):
        return databases.query(server, 'SELECT sqlstate, reason, payload FROM refused '
                                       'WHERE topic = :topic AND "offset" = :offset', topic=topic, offset=offset)
    return read
