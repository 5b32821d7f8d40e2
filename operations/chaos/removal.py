"""Takes a run's rows away again, through the pipeline, and sees that their answers go."""

import time
from collections.abc import Callable

from sqlalchemy import Engine

from cargostream.sql import load_sql


def remove(writer: Engine, target: Engine, run: str, since: int, progress: Callable[[int], None],
           deadline_s: float = 120) -> int:
    """Delete the rows of a run and wait until the mirror, the answers and the history have none of them; how many are
    left over at the deadline.

    Raises:
        DBAPIError: a database does not answer.
    """
    with writer.begin() as here:
        ids = list(here.execute(load_sql("operations.sql", "delete_run"), {
            "since": since, "prefix": f"{run}:"}).scalars())
    deadline = time.monotonic() + deadline_s
    while True:
        with target.connect() as there:
            left = int(there.execute(load_sql("operations.sql", "left_over"), {"ids": ids}).scalar_one())
        if not left or time.monotonic() > deadline:
            return left
        progress(left)
        time.sleep(0.2)
