"""The README's commands do what it says: those of the stack are run here in its order, the others elsewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stack import fresh_stack
from cargostream.settings import CLONE
from tests.conftest import CACHE

RUN_ELSEWHERE = {
    "make demo": "tests/acceptance/test_demo.py, which also presses Ctrl-C",
    "make demo ROWS=300": ".ci/run, with fewer rows",
    "make story": "tests/acceptance/test_story.py, with few photos: its figures are times, which no test is to hold",
    ".venv/bin/cargostream story": "the same",
    ".venv/bin/cargostream chaos": "tests/acceptance/test_chaos.py, with fewer rows",
    ".venv/bin/cargostream chaos --kill all": "tests/faults, cases A22 and others",
    ".venv/bin/cargostream data import PHOTOS --name mine": "tests/unit/test_data_import.py",
    ".venv/bin/cargostream data check tuesday": "tests/unit/test_data_check.py",
    ".venv/bin/cargostream model train --days both --keep cp_l2norm --budget 400":
        "tests/integration/test_training_run.py",
    ".venv/bin/cargostream model challenge 2": "tests/integration/promotion",
    ".venv/bin/cargostream model promote 2": "tests/integration/promotion",
    ".venv/bin/cargostream model show 2": "tests/integration/promotion",
    ".venv/bin/cargostream model rollback": "tests/integration/promotion",
    ".venv/bin/cargostream model compare": "tests/unit/test_compare.py",
    "make setup": "every target of .ci/run needs it",
    "make test": ".ci/run", "make lint": ".ci/run", "make types": ".ci/run",
    "make bench": ".ci/run, with less of everything",
    "make test-faults": "too long for here; make test runs its quick cases, docs/guarantees.md is of a whole run",
    "make soak MINUTES=60": "too long for here; its report is one of tests/faults/reports",
}
"""The README's commands that this test does not run, and what does."""


def commands() -> list[str]:
    """Every line of the README's shell blocks, without its comment."""
    readme = (CLONE / "README.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```bash\n(.*?)```", readme, re.DOTALL) for line in block.splitlines()]
    return [shlex.join(shlex.split(line, comments=True)) for line in lines]


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    with fresh_stack(CACHE) as stack:
        yield {**os.environ, "CARGOSTREAM_HOME": str(stack.home)}


def test_every_command_is_run_somewhere() -> None:
    assert {line for line in commands() if line not in RUN_ELSEWHERE and line.startswith("make ")} == set()
    assert set(RUN_ELSEWHERE) <= set(commands())
    script = (CLONE / ".ci/run").read_text(encoding="utf-8")
    for target in ("make lint", "make types", "make test", "make demo ROWS=", "make bench"):
        assert f"\n{target}" in script


@pytest.mark.timeout(900)
def test_the_stack_s_commands_in_their_order(variables: dict[str, str], tmp_path: Path) -> None:
    starter = str(CLONE / "model_registry" / "starter")
    for line in commands():
        words = shlex.split(line)
        if words[0] != ".venv/bin/cargostream" or line in RUN_ELSEWHERE:
            continue
        arguments = [starter if word == "FOLDER" else word for word in words[1:]]
        done = subprocess.run([sys.executable, "-m", "cargostream", *arguments], env=variables, cwd=tmp_path,
                              capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{line}\n{done.stderr}"
