"""A worker on a broker of its own, for what must be done to a worker's very start."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.kafka import running_broker
from tests.support.postgres import free_port
from tests.support.settings import settings_for
from tests.support.workers import Rig


@contextmanager
def own_rig() -> Iterator[Rig]:
    """See `tests.support.workers.Rig`; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="cargostream-rig-") as folder:
        settings = settings_for(Path(folder, "broker"), "unused", kafka_port=free_port(), controller_port=free_port())
        with running_broker(settings) as broker:
            rig = Rig(Path(folder, "home"), broker)
            try:
                yield rig
            finally:
                rig.stop()
