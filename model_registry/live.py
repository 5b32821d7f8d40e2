"""How champion and candidate did on the same rows of the stream."""

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cargostream.errors import Unavailable
from cargostream.sql import load_sql
from model_registry.gates import Live, live_comparison


def read_live(target: Engine, champion: int, candidate: int) -> Live:
    """The comparison of two versions on rows that one answered and the other answered in its shadow.

    `target` is the target database, for a role that may read it.

    Raises:
        Unavailable: the database cannot be asked.
    """
    try:
        with target.connect() as connection:
            rows = connection.execute(load_sql("model_registry.sql", "live_pairs"),
                                      {"champion": champion, "candidate": candidate}).all()
    except DBAPIError as error:
        raise Unavailable(f"The target database cannot be asked how versions {champion} and {candidate} did in "
                          f"service: {str(error.orig).splitlines()[0]}.") from error
    right = np.array([tuple(row) for row in rows], bool).reshape(-1, 2)
    return live_comparison(right[:, 0], right[:, 1])
