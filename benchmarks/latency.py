"""From the commit of a row to its stored prediction, at a steady rate."""

from typing import Any

from benchmarks.bulk import wait_for
from benchmarks.stack import Stack
from cargostream.database import engine
from cargostream.sql import load_sql


def measure(stack: Stack, rate: float, seconds: float) -> dict[str, Any]:
    """p50, p90 and p99 in ms of one run at `rate` rows a second, after 3 s of warm-up that does not count."""
    settings = stack.settings
    source, target = engine(settings, "source", "writer"), engine(settings, "target", "dashboard")
    stack.run("produce", "--rows", str(int(rate * 3)), "--rate", str(rate), "--json")
    with source.connect() as connection:
        before = connection.execute(load_sql("benchmarks.sql", "last_id")).one().id
    rows = int(rate * seconds)
    stack.run("produce", "--rows", str(rows), "--rate", str(rate), "--json")
    with source.connect() as connection:
        last = connection.execute(load_sql("benchmarks.sql", "last_id")).one().id
    wait_for(target, {"first_id": before + 1, "last_id": last}, rows, deadline_s=60)
    with target.connect() as connection:
        found = connection.execute(
            load_sql("benchmarks.sql", "latency"), {"first_id": before + 1, "last_id": last}).one()
    p50, p90, p99 = (round(value, 1) for value in found.p50_p90_p99)
    return {"rate": rate, "rows": rows, "p50_ms": p50, "p90_ms": p90, "p99_ms": p99}
