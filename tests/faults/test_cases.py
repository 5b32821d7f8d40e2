"""Every case of the table, or the quick ones: see `tests/faults/case.py`."""

import time
import zlib
from typing import Any

import pytest

from benchmarks.stack import Stack
from tests.faults import results
from tests.faults.bench import Bench, now
from tests.faults.case import Case, lacks

BUSY = 3.0
"""`make test` is no measurement: a machine that does other things may take so many times a recovery's bound."""


def test_holds(fault: tuple[Case, int], seed: int, kept: bool, request: pytest.FixtureRequest) -> None:
    one, repeat = fault
    option = request.config.getoption
    runs: list[dict[str, Any]] = []
    if kept and not (option("--again") and repeat == 0):
        runs = results.read().get(one.id, {"runs": []})["runs"]
    if len(runs) > repeat and not option("--again") and results.is_good(runs[repeat], seed, option("--rows")):
        pytest.skip(f"passed for {results.commit()} at {runs[repeat]['at']}")
    if need := lacks(one):
        pytest.skip(f"needs {need}")
    stack: Stack = request.getfixturevalue("stack_for")
    run: dict[str, Any] = {"at": now(), "seed": seed, "rows": option("--rows"), "passed": False, "seen": ""}
    began = time.monotonic()
    print(f"\n{one.id}: {one.injected} (seed {seed})")
    bench = Bench(stack, (seed + zlib.crc32(one.id.encode())) % 2**31, option("--rows"), one.faults,
                  1.0 if option("--faults") == "all" else BUSY, one.repairs)
    try:
        with bench.opened():
            assert one.run is not None
            run["seen"] = one.run(bench)
        run["passed"] = True
    except BaseException as error:
        run["seen"] = f"FAILED: {str(error)[:1000]}"
        raise
    finally:
        run |= {"seconds": round(time.monotonic() - began, 1), "judged": bench.judged, "figures": bench.figures,
                "faults": [{"name": fault.name, "in_flight": fault.in_flight, "total": fault.total}
                           for fault in bench.faults]}
        if kept:
            results.write(one.id, {"id": one.id, "commit": results.commit(), "runs": [*runs[:repeat], run]})
        print(f"{one.id}: {run['seen']} ({run['seconds']} s)")
