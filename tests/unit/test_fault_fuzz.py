"""Some of the mutations that `python -m tests.faults.fuzz` tries by the ten thousand, and what notices a bad end."""

import subprocess
import sys

import pytest

from cargostream.served import open_model
from cargostream.settings import CLONE
from tests.faults.fuzz import Seen, _follow, fuzz, one
from tests.faults.mutations import KINDS, mutated_image


@pytest.mark.parametrize("kind", KINDS)
def test_damage_has_an_outcome_and_is_no_fault(kind: str) -> None:
    model = open_model(CLONE / "model_registry" / "starter")
    outcomes = [one(kind, 1, number, model) for number in range(150)]
    assert len(set(outcomes)) > 2, "the damage is too small, or too large, to show anything"
    assert not [outcome for outcome in outcomes if outcome.startswith("fault")]


def test_a_number_and_a_seed_name_a_mutation() -> None:
    assert mutated_image("png", 5, 3) == mutated_image("png", 5, 3) != mutated_image("png", 6, 3)


def test_a_run_covers_every_mutation() -> None:
    seen = fuzz("row", 7, 40)
    assert sum(seen.outcomes.values()) == 40
    assert seen.faults == []


@pytest.mark.parametrize(("program", "told"), [
    ("import os; print(3, flush=True); os.abort()", "crash: mutation 3, exit -6"),
    ("print(3); raise ValueError('odd')", "crash: mutation 3, exit 1"),
])
def test_a_child_that_ends_is_told_with_the_mutation_that_ended_it(program: str, told: str) -> None:
    seen = Seen()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert _follow(process, seen, 0) == 4
    assert seen.faults[0].startswith(told)


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.fuzz.HANG_S", 0.5)
    seen = Seen()
    with subprocess.Popen([sys.executable, "-c", "import time; print(8, flush=True); time.sleep(60)"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert _follow(process, seen, 0) == 9
    assert seen.faults == ["hang: mutation 8"]


def test_memory_that_grows_is_a_fault() -> None:
    assert Seen(rss_mb=[100.0] * 75 + [200.0] * 25).faults == ["memory: + 100 MB"]
    assert Seen(rss_mb=[100.0] * 50 + [200.0] * 50).faults == [], "it found its size, and kept it"
    assert Seen(rss_mb=[100.0, 250.0] * 50).faults == []
