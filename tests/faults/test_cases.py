"""Every case of the table, or the quick ones: see `tests/faults/case.py`."""

import time
from typing import Any

import pytest

from benchmarks.stack import Stack
from tests.faults import results
from tests.faults.bench import Bench, now
from tests.faults.case import Case, lacks

BUSY = 3.0
"""`make test` is no measurement: a machine that does other things may take so many times a recovery's bound."""


def test_holds(fault: tuple[Case, int], seed: int, again: bool, request: pytest.FixtureRequest) -> None:
    one, repeat = fault
    before = results.read().get(one.id, {})
    runs: list[dict[str, Any]] = before.get("runs", []) if repeat or not again else []
    if not again and len(runs) > repeat and runs[repeat]["passed"]:
        pytest.skip(f"passed for {results.commit()} at {runs[repeat]['at']}")
    if need := lacks(one):
        pytest.skip(f"needs {need}")
    stack: Stack = request.getfixturevalue("stack_for")
    rows = int(request.config.getoption("--rows"))
    run: dict[str, Any] = {"at": now(), "seed": seed, "passed": False, "seen": ""}
    began = time.monotonic()
    print(f"\n{one.id}: {one.injected} (seed {seed})")
    slack = 1.0 if request.config.getoption("--faults") == "all" else BUSY
    bench = Bench(stack, seed, rows, one.faults, slack)
    try:
        with bench.opened():
            assert one.run is not None
            run["seen"] = one.run(bench)
        run["passed"] = True
    except BaseException as error:
        run["seen"] = f"FAILED: {str(error)[:1000]}"
        raise
    finally:
        run |= {"seconds": round(time.monotonic() - began, 1), "figures": bench.figures, "faults": [
            {"name": fault.name, "in_flight": fault.in_flight, "total": fault.total} for fault in bench.faults]}
        results.write(one.id, {"id": one.id, "commit": results.commit(), "runs": [*runs[:repeat], run]})
        print(f"{one.id}: {run['seen']} ({run['seconds']} s)")
