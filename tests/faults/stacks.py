"""Stacks of a case's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stack import Stack, fresh_stack
from cargostream.settings import load_settings

CACHE = load_settings().download_cache
"""Downloads are shared with the clone's own stack."""


@contextmanager
def own_stack() -> Iterator[Stack]:
    """All parts, ready, in a folder and on ports of its own."""
    with fresh_stack(CACHE) as stack:
        stack.run("up")
        yield stack
