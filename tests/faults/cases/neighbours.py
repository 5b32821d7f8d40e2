"""A second of what there should be one of, and databases and workers that have no room for one more."""

import json
import subprocess
import time
from contextlib import ExitStack, suppress

import httpx
import psutil
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from cargostream.database import database_url, engine
from cargostream.records import PARTITIONS, SOURCE_CONNECTOR
from connectors.desired import desired
from tests.faults.bench import Bench
from tests.faults.case import case, not_run
from tests.faults.watching import Tail

CUT = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%connector' "
           "OR usename = 'cargostream_capture'")


@case("A24", "a second worker and a second Connect of the same groups; another connector on the same slot",
      "the group shares its work; the slot refuses; nothing doubled", faults=3)
def second_ones(bench: Bench) -> str:
    log = Tail(bench.stack, "connect")
    bench.load()
    bench.inject("another connector on the slot", lambda: _put(bench, "second-source"))
    try:
        refused = bench.until("the slot refuses", lambda: _refusal(log), 60)
    finally:
        bench.until("it is removed", lambda: httpx.delete(
            f"{bench.settings.connect_url}/connectors/second-source", timeout=30).is_success)
    bench.whole(60)

    bench.load()
    bench.inject("a second worker", lambda: bench.services.start_worker(1))
    bench.until("they share", lambda: bench.services.partitions(0) == bench.services.partitions(1) == PARTITIONS // 2)
    second: list[subprocess.Popen[bytes]] = []
    try:
        bench.load()
        bench.inject("a second Connect", lambda: second.append(_second_connect(bench)))
        bench.until("it has work", lambda: len(_places(bench)) == 2)
        bench.whole(60)
        bench.settle()
    finally:
        for process in second:
            process.kill()
            process.wait(30)
    bench.until("the first has all the work", lambda: len(_places(bench)) == 1)
    assert bench.services.stop_worker(1) == 0
    bench.hurt_at = time.monotonic()
    return f"the slot: {refused}; {bench.verdict(whole_within=60)}"


@case("A25", "both databases without a free connection, Connect's own cut off, for 20 s; then the worker without a "
      "free file descriptor for 20 s",
      "rows wait, and come slowly at most; tries again with backoff, recovers", faults=2)
def nothing_free(bench: Bench) -> str:
    taken: list[Connection] = []

    def exhaust() -> None:
        for server, role in (("target", "dashboard"), ("source", "writer")):
            login = create_engine(database_url(bench.settings, server, role), poolclass=NullPool)
            admin = engine(bench.settings, server, "admin").execution_options(isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                while True:  # until none of Connect's comes back before its place is taken
                    with suppress(DBAPIError):
                        while True:
                            taken.append(held.enter_context(login.connect()))
                    if not connection.execute(CUT).all():
                        break
            admin.dispose()

    bench.load(3 * bench.rows)
    with ExitStack() as held:
        bench.inject("no free connection", exhaust)
        rows, stood = bench.progress()
        felt = bench.until("it is felt", lambda: exhaust() or bench.missing(), 60)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            exhaust()  # others of the stack let go of theirs, and Connect must not have it
            time.sleep(0.05)
        came = bench.progress()[1] - stood
        # A connection that comes free for a moment is enough for a batch; with one to keep, 20 s are enough for all.
        assert came <= (rows - stood) * 0.8, f"{came} of {rows - stood} rows were answered all the same"
    bench.hurt_at = time.monotonic()
    bench.whole(60)

    worker = psutil.Process(bench.services.process("worker-0").pid)
    before = worker.rlimit(psutil.RLIMIT_NOFILE)
    bench.load()
    bench.inject("no free file descriptor",
                 lambda: worker.rlimit(psutil.RLIMIT_NOFILE, (worker.num_fds(), before[1])))
    waiting = bench.until("rows wait", lambda: bench.services.health(0).get("waiting"), 30)
    time.sleep(20)
    worker.rlimit(psutil.RLIMIT_NOFILE, before)
    bench.hurt_at = time.monotonic()
    seen = bench.verdict(whole_within=60)
    return (f"{len(taken)} connections were taken: {felt}, {came} of {rows - stood} waiting rows answered in 20 s; "
            f"{waiting} rows waited for a descriptor; {seen}")


not_run("A26", "Grafana down", "no effect on the pipeline", "there are no dashboards in Grafana yet")


def _put(bench: Bench, name: str) -> None:
    # With the same prefix, Debezium waits a minute for the metrics of the first; a snapshot would come before the slot.
    config = desired(bench.settings)[SOURCE_CONNECTOR] | {
        "topic.prefix": "second", "snapshot.mode": "no_data", "slot.retry.delay.ms": "1000"}
    httpx.put(f"{bench.settings.connect_url}/connectors/{name}/config", json=config, timeout=30).raise_for_status()


def _refusal(log: Tail) -> str | None:
    """What Debezium logs of the second connector's try for the slot, which another reads."""
    tries = (line for line in log.read().splitlines() if "Failed to start replication stream" in line)
    return next((line[line.index("Failed"):][:120] for line in tries), None)


def _second_connect(bench: Bench) -> "subprocess.Popen[bytes]":
    """One more Connect process with the same group and topics, on ports of its own."""
    run = bench.stack.home / "run"
    config, port = (run / "connect.properties").read_text(), bench.settings.connect_port
    (run / "second.properties").write_text(config.replace(f":{port}", f":{port + 50}").replace(
        f"port={port}", f"port={port + 50}"))
    argv = bench.services.process("connect").cmdline()
    with (bench.stack.home / "logs" / "second-connect.log").open("ab") as log:
        return subprocess.Popen([*argv[:-1], str(run / "second.properties")], stdout=log, stderr=log, cwd=run)


def _places(bench: Bench) -> set[str]:
    """Where connectors and tasks run."""
    answer = httpx.get(f"{bench.settings.connect_url}/connectors?expand=status", timeout=10)
    found = json.loads(answer.raise_for_status().text).values()
    return {part["worker_id"] for each in found for part in (each["status"]["connector"], *each["status"]["tasks"])}
