"""What tests share: one whole stack for a session, in a folder and on ports of its own."""

import os
from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack, running_stack
from cargostream.settings import load_settings

CACHE = load_settings().download_cache
"""Downloads are shared with the clone's own stack; nothing else is."""

# Settings of whoever runs the tests must not reach the stacks that the tests start.
for name in [name for name in os.environ if name.startswith(("CARGOSTREAM_", "MLFLOW_"))]:
    del os.environ[name]
os.environ["CARGOSTREAM_CACHE"] = str(CACHE)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All parts, ready. Tests that use it put in rows of their own and look at no others."""
    with running_stack(CACHE) as stack:
        yield stack
