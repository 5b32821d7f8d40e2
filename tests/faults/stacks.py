"""Stacks of a case's own, and of the runs that are no case."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stack import Stack, fresh_stack
from cargostream.settings import load_settings
from tests.faults.bench import Bench

CACHE = load_settings().download_cache
"""Downloads are shared with the clone's own stack."""


@contextmanager
def own_stack() -> Iterator[Stack]:
    """All parts, ready, in a folder and on ports of its own."""
    with fresh_stack(CACHE) as stack:
        stack.run("up")
        yield stack


@contextmanager
def long_run(seed: int) -> Iterator[Bench]:
    """A bench on a stack of its own, for a run outside pytest: settings of whoever starts it do not reach the stack."""
    for name in [name for name in os.environ if name.startswith(("CARGOSTREAM_", "MLFLOW_"))]:
        del os.environ[name]
    print(f"seed {seed}", flush=True)
    with own_stack() as stack, Bench(stack, seed).opened() as bench:
        yield bench
