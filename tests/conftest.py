"""What tests share: one whole stack for a session, in a folder and on ports of its own."""

import os
from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack, fresh_stack
from cargostream.settings import load_settings
from tests.support.pipeline import Pipeline

CACHE = load_settings().download_cache
"""Downloads are shared with the clone's own stack; nothing else is."""

# Settings of whoever runs the tests must not reach the stacks that the tests start.
for name in [name for name in os.environ if name.startswith(("CARGOSTREAM_", "MLFLOW_"))]:
    del os.environ[name]
os.environ["CARGOSTREAM_CACHE"] = str(CACHE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/faults: here, since a folder's own are not known when pytest is given no path."""
    group = parser.getgroup("faults", "which fault cases run, and how")
    group.addoption("--faults", choices=("quick", "all"), default="quick", help="all cases, or those of `make test`")
    group.addoption("--only", default="", help="cases by id, as in A1,B3")
    group.addoption("--shard", default="1/1", help="2/4: the second quarter of the cases")
    group.addoption("--repeats", type=int, default=1, help="runs of each case, each with a seed of its own")
    group.addoption("--rows", type=int, default=1000, help="rows of a load, where a case does not say otherwise")
    group.addoption("--seed", type=int, default=None, help="printed with each case; the same one replays it")
    group.addoption("--again", action="store_true", help="run also what has passed for this commit")


@pytest.fixture(scope="session")
def stack_and_rows() -> Iterator[tuple[Stack, list[int]]]:
    """All parts, ready, on a source table that held rows before anything captured it."""
    with fresh_stack(CACHE) as stack:
        stack.run("up", "--only", "schema")
        rows = Pipeline(stack).insert([(f"../before/{number}.jpg", None, None) for number in range(500)])
        stack.run("down")
        stack.run("up")
        yield stack, rows


@pytest.fixture(scope="session")
def stack(stack_and_rows: tuple[Stack, list[int]]) -> Stack:
    """All parts, ready. Tests that use it put in rows of their own and look at no others."""
    return stack_and_rows[0]


@pytest.fixture(scope="session")
def rows_from_before(stack_and_rows: tuple[Stack, list[int]]) -> list[int]:
    """Ids of the rows that were there before the first start."""
    return stack_and_rows[1]
