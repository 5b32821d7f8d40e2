"""What is told of a recovery, from what the runner and Connect say: each change once, and when it was over."""

import random
from typing import Any

import pytest

from operations.chaos.flight import victims
from operations.chaos.recovery import Recovery

RUNS = [{"name": "sink", "state": "RUNNING", "cause": None, "tasks": [{"id": 0, "state": "RUNNING", "cause": None}]}]
FAILED = [{"name": "sink", "state": "RUNNING", "cause": "no route", "tasks": [{"id": 0, "state": "FAILED"}]}]


def part(state: str = "ready", pid: int | None = 1, restarts: int = 0, error: str | None = None) -> dict[str, Any]:
    return {"kind": "service", "state": state, "pid": pid, "restarts": restarts, "error": error}


def test_each_change_is_told_once_and_whole_is_when_all_runs_and_no_row_waits() -> None:
    recovery = Recovery({"kafka": 1}, {"kafka": part(), "connect": part(pid=2)})
    other = {"connect": part(pid=2)}
    assert recovery.step(0.1, {"kafka": part(), **other}, RUNS, overdue=False) == []
    assert recovery.step(0.3, {"kafka": part("backoff", None, 0, "kafka ended."), **other}, None, overdue=True) == [
        "kafka backoff: kafka ended.", "Connect does not answer"]
    assert recovery.step(0.5, {"kafka": part("backoff", None, 0, "kafka ended."), **other}, None, overdue=True) == []
    assert recovery.step(3, {"kafka": part("ready", 9, 1), **other}, FAILED, overdue=True) == [
        "kafka ready", "Connect answers again", "sink FAILED: no route"]
    assert recovery.step(4, {"kafka": part("ready", 9, 1), **other}, RUNS, overdue=True) == ["sink runs"]
    assert recovery.whole_s is None
    (told,) = recovery.step(5.04, {"kafka": part("ready", 9, 1), **other}, RUNS, overdue=False)
    assert "whole again" in told
    assert recovery.whole_s == 5.0
    assert recovery.step(6, {"kafka": part("ready", 9, 1), **other}, RUNS, overdue=False) == []


def test_it_is_not_whole_before_the_runner_has_noticed_the_death() -> None:
    recovery = Recovery({"a": 1}, {"a": part()})
    recovery.step(0, {"a": part()}, RUNS, overdue=False)
    recovery.step(0, {"a": part("starting", None)}, RUNS, overdue=False)
    assert recovery.whole_s is None


@pytest.mark.parametrize(("kill", "killed"), [
    ("broker", {"kafka": 3}), ("source", {"source": 1}), ("worker", {"worker-1": 5})])
def test_who_is_killed(kill: str, killed: dict[str, int]) -> None:
    parts = {"source": part(pid=1), "kafka": part(pid=3), "worker-0": part("backoff", None), "worker-1": part(pid=5)}
    assert victims(kill, parts, random.Random(1)) == killed
    assert sorted(victims("all", parts, random.Random(1))) == ["kafka", "source", "worker-1"]
    assert list(victims("all", parts, random.Random(1))) == list(victims("all", parts, random.Random(1)))
