"""What integration tests share: one Postgres server with both databases as the pipeline makes them."""

import itertools

import pytest
from sqlalchemy import text

from cargostream.database import engine
from cargostream.records import SOURCE_TOPIC
from connectors.schema import apply_schema
from tests.support.databases import Databases
from tests.support.postgres import running_postgres
from tests.support.settings import settings_for


@pytest.fixture(scope="session")
def postgres():
    """A server of the session's own. Tests that stop it use another."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres, tmp_path_factory):
    """The schema applied, the source topic in its first epoch."""
    settings = settings_for(tmp_path_factory.mktemp("home"), postgres.password,
                            source_port=postgres.port, target_port=postgres.port)
    apply_schema(settings)
    operator = engine(settings, "target", "operator")
    with operator.begin() as connection:
        connection.execute(text("INSERT INTO topic_epoch (topic, topic_id) VALUES (:topic, 'first')"),
                           {"topic": SOURCE_TOPIC})
    operator.dispose()
    databases = Databases(settings, {}, itertools.count(1000))
    yield databases
    for each in databases.engines.values():
        each.dispose()
