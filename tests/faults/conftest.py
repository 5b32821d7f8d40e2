"""Which cases run, on which stack: `--faults all` runs every one, `--only A1,B3` some, `--shard 2/4` a quarter."""

from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack
from tests.faults.case import Case, load_cases
from tests.faults.stacks import own_stack

SEED = 2022


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" not in metafunc.fixturenames:
        return
    option = metafunc.config.getoption
    only = {one.strip() for one in option("--only").split(",") if one.strip()}
    cases = [one for one in load_cases() if one.run is not None]
    if only:
        assert not (unknown := only - {one.id for one in cases}), f"there is no case {', '.join(sorted(unknown))}"
    number, of = (int(part) for part in option("--shard").split("/"))
    wanted = [one for one in cases if (one.id in only if only else option("--faults") == "all" or one.quick)]
    chosen = [(one, again) for one in wanted[number - 1::of] for again in range(option("--repeats"))]
    metafunc.parametrize("fault", [
        pytest.param((one, again), id=f"{one.id}-{again + 1}" if option("--repeats") > 1 else one.id,
                     marks=pytest.mark.timeout(one.timeout_s))
        for one, again in chosen])


@pytest.fixture
def seed(fault: tuple[Case, int], request: pytest.FixtureRequest) -> int:
    """What `--seed` would replay this run by: each repeat has the next one."""
    return int(request.config.getoption("--seed") or SEED) + fault[1]


@pytest.fixture
def stack_for(fault: tuple[Case, int], request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The session's stack, or one of the case's own."""
    if not (fault[0].own_stack or fault[0].stack):
        yield request.getfixturevalue("stack")
        return
    with (fault[0].stack or own_stack)() as stack:
        yield stack


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> bool:
    """Whether results are kept, and what has passed for this commit is not run again: `make test` is no measurement,
    and neither is a replay."""
    return request.config.getoption("--faults") == "all" and request.config.getoption("--seed") is None
