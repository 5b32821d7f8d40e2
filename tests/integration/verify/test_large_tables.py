"""A step of the comparison costs the same however large the tables are."""

import re
import time
from statistics import median

import pytest
from sqlalchemy import text

from cargostream.database import engine
from cargostream.sql import load_sql, read_sql
from connectors.schema import apply_schema
from operations.verify.differences import look
from operations.verify.ranges import FIRST, compare, fetch, next_span
from tests.support.postgres import running_postgres
from tests.support.settings import settings_for

ROWS = 1_000_000
STEP = 5000
FILL = {"source": "fill_source", "target": "fill_mirror", "answers": "fill_answers"}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Both databases on a server of the test's own, empty at first; `fill` adds rows up to a number."""
    with running_postgres() as server:
        settings = settings_for(tmp_path_factory.mktemp("large"), server.password, source_port=server.port,
                                target_port=server.port)
        apply_schema(settings)
        engines = {name: engine(settings, "source" if name == "source" else "target", "admin") for name in FILL}
        operators = engine(settings, "source", "operator"), engine(settings, "target", "operator")

        def fill(first: int, last: int) -> None:
            for name, statement in FILL.items():
                with engines[name].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(load_sql("benchmarks.sql", "unhurried"))
                    connection.execute(load_sql("benchmarks.sql", statement), {"first": first, "last": last})
                    connection.execute(load_sql("benchmarks.sql", "settle"))

        yield operators, fill
        for each in (*engines.values(), *operators):
            each.dispose()


def seconds_a_step(source, target, after: int) -> float:
    def step() -> float:
        began = time.perf_counter()
        span = next_span(source, target, after, STEP)
        assert compare(source, target, span) == (STEP, set())
        return time.perf_counter() - began
    return median(step() for _ in range(5))


def test_a_step_of_the_sweep_in_a_million_rows(large) -> None:
    (source, target), fill = large
    fill(1, STEP * 2)
    small = seconds_a_step(source, target, FIRST)
    fill(STEP * 2 + 1, ROWS)
    large_one = seconds_a_step(source, target, ROWS // 2)
    print(f"\na step of {STEP} rows: {small * 1000:.1f} ms of {STEP * 2:,} rows, {large_one * 1000:.1f} ms of {ROWS:,}")
    assert large_one < 3 * small + 0.01

    began = time.perf_counter()
    fetch(target, "verify_changed", since="2026-11-21 10:16:00Z", settle=0, rows=STEP)
    look(source, target, range(1, ROWS, ROWS // 100))
    fetch(target, "verify_missing_files", first=15, rows=200)
    print(f"what changed lately, 100 ids and missing files: {(time.perf_counter() - began) * 1000:.1f} ms")

    values = {"after": ROWS // 2, "upto": ROWS // 2 + STEP, "rows": STEP, "block": 256, "blocks": [ROWS // 2 // 256],
              "since": "2026-11-21 10:16:00Z", "settle": 0, "ids": list(range(100)), "first": 15}
    asked = {source: ("verify_upto", "verify_digests", "verify_block_rows", "verify_source_rows", "last_id"),
             target: ("verify_upto", "verify_upto_answers", "verify_digests", "verify_block_rows", "verify_unanswered",
                      "verify_changed", "verify_target_rows", "verify_replays", "verify_missing_files")}
    for server, names in asked.items():
        for name in names:
            with server.connect() as connection:
                plan = connection.execute(text(f"EXPLAIN {read_sql('operations.sql', name)}"), values).scalars().all()
            whole = [line for line in plan if re.search(r"Seq Scan on cargo(_prediction)? ", line)]
            assert not whole, f"{name}\n" + "\n".join(plan)
            assert [line for line in plan if "Index" in line], f"{name}\n" + "\n".join(plan)
