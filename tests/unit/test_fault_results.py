"""What fault cases came to is kept for a commit, resumed, replayed and reported."""

import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from cargostream.settings import CLONE
from tests.faults import case as cases
from tests.faults import report, results
from tests.faults.case import Case

RUN = {"at": "2026-11-21T10:00:00+00:00", "seed": 2022, "rows": 1000, "passed": True, "seen": "held", "seconds": 3.0,
       "judged": 1000, "figures": {"whole_s": [7.5]}, "faults": []}
CASE = Case("A1", "kill | it", "holds", run=lambda _: "held")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a code file and a document, committed."""
    monkeypatch.setattr(results, "CLONE", tmp_path)
    for name in ("code.py", "docs/guarantees.md", "tests/faults/reports/soak.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(clone: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=clone, check=True,
                   capture_output=True)


def commit(clone: Path) -> None:
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "a step")


def head() -> str:
    return results.commit.__wrapped__()


def test_a_written_report_leaves_the_tested_commit_what_it_was(clone: Path) -> None:
    before = head()
    (clone / "docs" / "guarantees.md").write_text("generated")
    assert head() == before
    commit(clone)
    assert head() == before


def test_changed_code_is_another_commit(clone: Path) -> None:
    before = head()
    (clone / "code.py").write_text("other")
    assert head() == f"{before}-dirty"
    commit(clone)
    assert head() not in (before, f"{before}-dirty")


@pytest.mark.parametrize(("changed", "good"), [
    ({}, True), ({"rows": 2000}, True), ({"rows": 500}, False), ({"passed": False}, False), ({"seed": 7}, False)])
def test_only_a_run_that_passed_with_the_same_seed_and_as_many_rows_is_not_made_again(
        changed: dict[str, object], good: bool) -> None:
    assert results.is_good(RUN | changed, seed=2022, rows=1000) is good


def test_the_report_tells_how_a_case_went_and_what_replays_it() -> None:
    text = report.markdown("abc", [CASE], {"A1": {"runs": [RUN, RUN | {"seed": 2023, "figures": {"whole_s": [9.0]}}]}})
    assert "1 cases held, 0 failed" in text
    assert "2,000\nrows" in text
    assert ("| A1 | kill \\| it | holds | 2 runs; the last: held (all runs: whole again after 7.5 to 9.0 s) "
            "| 2023 | 2026-11-21 10:00, 3 s |") in text


def test_one_repeat_that_failed_is_a_failure_and_is_what_is_shown() -> None:
    runs = [RUN, RUN | {"passed": False, "seen": "FAILED: I1"}, RUN]
    assert report.state(CASE, {"runs": runs}) == "failed"
    assert "| FAILED: I1 |" in report.markdown("abc", [CASE], {"A1": {"runs": runs}})


def test_a_case_whose_right_is_missing_is_not_run_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cases.NEEDS, "wings", lambda: False)
    flying = replace(CASE, needs=("wings",))
    assert report.state(flying, None) == "not run"
    assert "*not run here*: needs wings" in report.markdown("abc", [flying], {})
    assert report.state(CASE, None) == "no result"


def test_shards_together_are_all_cases_each_once() -> None:
    def chosen(*options: str) -> list[str]:
        asked = [sys.executable, "-m", "pytest", "tests/faults", "--collect-only", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run([*asked, *options], cwd=CLONE, capture_output=True, text=True, check=True)
        return [line.split("[")[1].rstrip("]") for line in done.stdout.splitlines() if "test_holds[" in line]

    everything = chosen("--faults", "all")
    shards = [chosen("--faults", "all", "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(chain(*shards)) == sorted(everything)
    assert len(everything) > 90
    assert chosen("--only", "A1,C3", "--repeats", "2") == ["A1-1", "A1-2", "C3-1", "C3-2"]
