"""What is kept in the databases and must not pass unseen: records that were refused, and answers that contradict each
other. Each is told when there are more than before."""

from collections.abc import Iterator

from sqlalchemy import Engine

from cargostream.records import Event
from operations.verify import told
from operations.verify.ranges import fetch
from operations.verify.state import State

SETTLE_S = 3.0
"""What was refused a moment ago may have others before it that are not committed yet."""


def look(source: Engine, target: Engine, state: State) -> Iterator[Event]:
    """Alarms about what came since the last look, which `state` remembers. Answers that left the history meanwhile,
    with their row or by age, are forgotten."""
    for server, engine in (("source", source), ("target", target)):
        (now,) = fetch(engine, "verify_refused", after=getattr(state, f"refused_{server}"), settle=SETTLE_S)
        setattr(state, f"refused_{server}", now["newest"])
        if now["records"]:
            yield told.records_refused(server, now["records"], now["topics"])
    (now,) = fetch(target, "verify_conflicts")
    more, state.conflicts = now["conflicts"] - state.conflicts, now["conflicts"]
    if more > 0:
        yield told.answers_conflict(more, now["ids"])
