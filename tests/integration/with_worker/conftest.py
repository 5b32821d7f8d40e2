"""A broker and a registry, started once for all tests of this folder; topics, home folder, registered models and
workers are each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka import Broker, running_broker
from tests.support.postgres import free_port
from tests.support.registry import Registry, running_registry
from tests.support.settings import settings_for
from tests.support.workers import Rig


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    settings = settings_for(tmp_path_factory.mktemp("broker"), "unused", kafka_port=free_port(),
                            controller_port=free_port())
    with running_broker(settings) as running:
        yield running


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("mlflow")) as registry:
        yield registry


@pytest.fixture
def rig(broker: Broker, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, broker)
    yield rig
    rig.stop()
