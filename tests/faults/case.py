"""The table of fault cases: what is injected, what is expected, and the function that does it.

A case is a function of one argument, the `Bench` (see `tests.faults.bench`), that returns what was *seen* in one
sentence with figures, and raises AssertionError where the expectation does not hold:

    @case("A1", "kill -9 of the worker mid-batch", "nothing lost or doubled; whole again within 30 s", faults=1)
    def killed_worker(bench: Bench) -> str:
        bench.load()
        bench.inject("kill -9 worker-0", lambda: bench.services.kill("worker-0"))
        return bench.verdict(whole_within=30)

    not_run("A17", "broker's log folder full", "…", why="needs a file system of its own; this user may not mount one")
"""

import importlib
import os
import pkgutil
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.stack import Stack
    from tests.faults.bench import Bench

Run = Callable[["Bench"], str]


@dataclass(frozen=True)
class Case:
    """One row of the table. `faults` is how often the case calls `bench.inject`: fewer is a failure. `own_stack`: it
    changes settings or the schema, so that no other case may use the same stack; `stack` starts and removes one that is
    made for it. `repairs`: what it does, such as records that are not Connect's on the topic, is the verification's to
    mend, maybe after its end; in every other case a repair is a loss. `quick`: `make test` runs it too. `needs`: rights
    that it cannot do without, see `NEEDS`; where they lack it is reported as not run. `run` is None for a case that
    cannot be run here at all, for the reason `why`."""

    id: str
    injected: str
    expected: str
    run: Run | None
    faults: int = 0
    own_stack: bool = False
    quick: bool = False
    needs: tuple[str, ...] = ()
    timeout_s: float = 600
    why: str = ""
    stack: Callable[[], AbstractContextManager["Stack"]] | None = None
    repairs: bool = False


NEEDS: dict[str, Callable[[], bool]] = {"root": lambda: os.geteuid() == 0}
"""What tells whether a right is there, by its name. Modules of cases may add theirs."""

CASES: dict[str, Case] = {}
"""By id, filled by importing `tests.faults.cases.*` (see `load_cases`)."""


def case(identity: str, injected: str, expected: str, *, faults: int = 0, own_stack: bool = False, quick: bool = False,
         needs: tuple[str, ...] = (), timeout_s: float = 600,
         stack: Callable[[], AbstractContextManager["Stack"]] | None = None,
         repairs: bool = False) -> Callable[[Run], Run]:
    """Put a function into the table."""
    def register(run: Run) -> Run:
        _add(Case(identity, injected, expected, run, faults, own_stack, quick, needs, timeout_s, stack=stack,
                  repairs=repairs))
        return run
    return register


def not_run(identity: str, injected: str, expected: str, why: str) -> None:
    """Put a case into the table that cannot be run here, or that is covered elsewhere."""
    _add(Case(identity, injected, expected, None, why=why))


def load_cases() -> list[Case]:
    """Every case of `tests/faults/cases`, in the order of their ids."""
    import tests.faults.cases

    for module in pkgutil.iter_modules(tests.faults.cases.__path__):
        importlib.import_module(f"tests.faults.cases.{module.name}")
    return sorted(CASES.values(), key=lambda one: order(one.id))


def lacks(one: Case) -> str | None:
    """The right that a case needs and this process does not have, if there is one."""
    return next((need for need in one.needs if not NEEDS[need]()), None)


def order(identity: str) -> tuple[str, int, str]:
    """A2 comes before A10, and A10 before A10b."""
    letter, number, rest = re.fullmatch(r"([A-Z])(\d+)(.*)", identity).groups()  # type: ignore[union-attr]
    return letter, int(number), rest


def _add(new: Case) -> None:
    assert new.id not in CASES or CASES[new.id].run is new.run, f"two cases are called {new.id}"
    CASES[new.id] = new
