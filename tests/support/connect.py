"""Everything but worker and registry: two Postgres servers, a broker and Connect, in a home folder as the runner's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cargostream.settings import Settings, load_settings
from compose.kafka import connect
from compose.secrets import ensure_secrets
from tests.support.kafka import Broker, running_broker
from tests.support.postgres import Server, free_port, running_postgres

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """The running parts and the settings that lead to them."""

    settings: Settings
    source: Server
    target: Server
    connect: Broker


@contextmanager
def running_parts(home: Path) -> Iterator[Parts]:
    """Nothing is applied yet: neither schema nor topics nor connectors."""
    ensure_secrets(home)
    admin = (home / "secrets" / "cargostream_admin_password").read_text()
    ports = {"KAFKA": free_port(), "CONTROLLER": free_port(), "CONNECT": free_port()}
    with running_postgres(admin) as source, running_postgres(admin) as target:
        ports |= {"SOURCE": source.port, "TARGET": target.port}
        (home / "stack.env").write_text("".join(f"CARGOSTREAM_{name}_PORT={port}\n" for name, port in ports.items()))
        settings = load_settings(home)
        worker = Broker(settings, connect(settings))
        worker.launch()  # beside the broker, for which it waits by itself, as in the runner
        try:
            with running_broker(settings):
                worker.wait()
                yield Parts(settings, source, target, worker)
        finally:
            worker.kill()


def until(ask: Callable[[], T], what: str, deadline_s: float = 60) -> T:
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + deadline_s
    while not (found := ask()):
        assert time.monotonic() < deadline, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.1)
    return found
