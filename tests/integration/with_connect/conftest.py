"""Both databases, a broker and Connect, started once for all tests of this folder."""

import itertools

import pytest
from confluent_kafka import Producer

from connectors.apply import apply
from connectors.schema import apply_schema
from connectors.topics import ensure_topics
from tests.support.connect import running_parts
from tests.support.databases import Databases


@pytest.fixture(scope="package")
def parts(tmp_path_factory):
    with running_parts(tmp_path_factory.mktemp("home")) as parts:
        apply_schema(parts.settings)
        yield parts


@pytest.fixture(scope="package", autouse=True)
def first_topics(parts):
    """Topics and epochs as they were when the topics were first made."""
    return ensure_topics(parts.settings)


@pytest.fixture(scope="package")
def settings(parts):
    return parts.settings


@pytest.fixture(scope="package")
def databases(settings):
    databases = Databases(settings, {}, itertools.count(1))
    yield databases
    for each in databases.engines.values():
        each.dispose()


@pytest.fixture
def connectors(settings):
    """All connectors running, whatever the test before did to them."""
    apply(settings)


@pytest.fixture
def insert(databases):
    """Write a row; its id."""
    def write(image_path="a.jpg", **columns):
        names = ", ".join(columns | {"image_path": 0})
        values = ", ".join(f":{name}" for name in columns | {"image_path": 0})
        (row,) = databases.query("source", f"INSERT INTO cargo ({names}) VALUES ({values}) RETURNING id",  # noqa: S608
                                 "writer", image_path=image_path, **columns)
        return row["id"]
    return write


@pytest.fixture
def mirrored(databases):
    """The mirror's row of an id, or None."""
    def read(identity):
        rows = databases.query("target", "SELECT * FROM cargo WHERE id = :id", id=identity)
        return rows[0] if rows else None
    return read


@pytest.fixture
def send(settings):
    def to(topic, *values, key=b"k"):
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        for value in values:
            producer.produce(topic, value, key)
        assert producer.flush(10) == 0
    return to
