"""The faults by name: what each does to a running stack. The volume run and the soak choose from this table; a case
whose fault stands here calls `Bench.strike` with its name."""

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from connectors.desired import CONNECTORS
from tests.faults.services import EVERYTHING

if TYPE_CHECKING:
    from tests.faults.bench import Bench

Do = Callable[["Bench"], None]

PAUSE_S = 10.0


def _kill(*parts: str) -> Do:
    return lambda bench: bench.services.kill(*parts)


def _stop(part: str) -> Do:
    # SIGINT is Postgres' fast shutdown: it ends its connections instead of waiting for them.
    number = signal.SIGINT if part in ("source", "target") else signal.SIGTERM
    return lambda bench: bench.services.kill(part, number=number)


def _pause(part: str) -> Do:
    def pause(bench: "Bench") -> None:
        bench.services.pause(part)
        try:
            time.sleep(PAUSE_S)
        finally:
            bench.services.resume()
    return pause


def _end_connections(server: str) -> Do:
    return lambda bench: bench.admin(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                             "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")


def _restart_connectors(bench: "Bench") -> None:
    for name in CONNECTORS:
        httpx.post(f"{bench.settings.connect_url}/connectors/{name}/restart?includeTasks=true", timeout=30,
                   trust_env=False).raise_for_status()


FAULTS: dict[str, Do] = {
    **{f"kill -9 {part}": _kill(part) for part in EVERYTHING},
    **{f"stop {part}": _stop(part) for part in EVERYTHING},
    **{f"SIGSTOP {part} for {PAUSE_S:.0f} s": _pause(part) for part in EVERYTHING},
    "kill -9 everything": _kill(*EVERYTHING),
    "end all connections of source": _end_connections("source"),
    "end all connections of target": _end_connections("target"),
    "restart all connectors": _restart_connectors,
}
