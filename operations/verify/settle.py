"""From ids that differ now to those that really do, and through their repair."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy import Engine

from operations.verify.differences import Difference, Kind, look
from operations.verify.passage import Passage
from operations.verify.repairs import Repairs

TRIES = 3
"""Repairs of one id, of which the first may only bring to light what the next one mends."""

ROUNDS = 8
"""An id that is another at each of so many looks changes all the time, and is left to the next comparison."""


@dataclass
class Outcome:
    """What came of some ids: those that really differed, by what was first seen of each, and those that still do."""

    found: dict[int, Difference] = field(default_factory=dict)
    standing: dict[int, Difference] = field(default_factory=dict)

    @property
    def repaired(self) -> Counter[Kind]:
        return Counter(one.kind for identity, one in self.found.items() if identity not in self.standing)


def settle(source: Engine, target: Engine, passage: Passage, ids: Collection[int], repairs: Repairs | None,
           heard: Callable[[Collection[Difference]], None] = lambda _: None) -> Outcome:
    """Look at the ids again whenever everything that was on its way has arrived: who then stands as before differs.

    With `repairs` each of these is repaired and looked at again, until it is right or was tried `TRIES` times; `heard`
    hears of those that are new before that.

    Raises:
        DBAPIError, KafkaException, Unavailable, Stopped: as `Passage.wait` and `Repairs.repair` have it.
    """
    outcome, tries = Outcome(), Counter[int]()
    suspects = look(source, target, ids)
    for _ in range(ROUNDS):
        if not suspects:
            break
        whole = passage.wait()
        now = look(source, target, suspects.keys())
        real = {identity: one for identity, one in now.items() if whole and suspects[identity] == one}
        if new := {identity: one for identity, one in real.items() if identity not in outcome.found}:
            outcome.found |= new
            heard(new.values())
        outcome.standing |= real if repairs is None else {i: one for i, one in real.items() if tries[i] >= TRIES}
        suspects = {identity: one for identity, one in now.items() if identity not in outcome.standing}
        due = [one for identity, one in real.items() if identity in suspects]
        if repairs is not None and due:
            repairs.repair(due, [one.id for one in due if tries[one.id] > 1])
            tries.update(one.id for one in due)
            suspects = look(source, target, suspects.keys())
    outcome.standing |= {identity: one for identity, one in suspects.items() if identity in outcome.found}
    return outcome
