"""The crash test that users run: on a running stack, and on one that is not healthy."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from benchmarks.stack import Stack
from cargostream.database import engine
from operations.chaos.truth import wrong_answers
from operations.run import newest_id, report
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.timeout(600)


def chaos(home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "cargostream", "chaos", *options], text=True, capture_output=True,
                          env={**os.environ, "CARGOSTREAM_HOME": str(home)}, timeout=500, check=False)


def test_a_killed_worker_costs_no_row_and_the_rows_go_again(stack: Stack) -> None:
    before = stack.status()["parts"]["worker-0"]
    done = chaos(stack.home, "--kill", "worker", "--rows", "400", "--rate", "50", "--seed", "7", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found | {"lost": 0, "phantom": 0, "conflicting": 0, "wrong": 0, "repaired": 0, "left_over": 0, "rows": 400,
                    "killed": ["worker-0"], "sound": True} == found
    assert 80 <= found["in_flight"] <= 320
    assert found["predicted"] + found["rejected"] == 400
    assert found["rejected"] > 0
    assert 0 < found["recovery_s"] < 120
    assert stack.status()["parts"]["worker-0"]["restarts"] == before["restarts"] + 1
    for words in ("kill -9 worker-0", "worker-0 ready", "whole again", "all 400 rows are answered"):
        assert words in done.stderr, done.stderr
    with Pipeline(stack).source.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM cargo WHERE starts_with(ingest_key, :run)"),
                                  {"run": found["run"]}).scalar_one() == 0


@pytest.mark.parametrize(("kill", "part"), [
    ("connect", "connect"), ("broker", "kafka"), ("source", "source"), ("target", "target")])
def test_any_other_part_that_is_killed_costs_no_row(stack: Stack, kill: str, part: str) -> None:
    found = crash(stack, kill)
    assert found["killed"] == [part]


def test_all_parts_killed_at_once_cost_no_row(stack: Stack) -> None:
    assert set(crash(stack, "all")["killed"]) == {
        "source", "target", "kafka", "connect", "mlflow", "worker-0", "monitor", "verify"}


def crash(stack: Stack, kill: str) -> dict[str, Any]:
    done = chaos(stack.home, "--kill", kill, "--rows", "300", "--seed", "11", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found | {"rows": 300, "lost": 0, "phantom": 0, "conflicting": 0, "wrong": 0, "repaired": 0, "left_over": 0,
                    "sound": True} == found
    assert 60 <= found["in_flight"] <= 240
    assert found["predicted"] + found["rejected"] == 300
    return found


def test_a_row_that_the_verification_mends_meanwhile_was_lost_all_the_same(stack: Stack) -> None:
    pipeline, since = Pipeline(stack), newest_id(Pipeline(stack).source)
    test = subprocess.Popen(
        [sys.executable, "-m", "cargostream", "chaos", "--rows", "200", "--rate", "20", "--seed", "8", "--json"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "CARGOSTREAM_HOME": str(stack.home)})
    admin = engine(stack.settings, "target", "admin")
    try:
        newest = "SELECT max(source_id) FROM cargo_prediction WHERE source_id > :since"
        pipeline.wait("an answer", lambda: pipeline.ask(newest, since=since)[0].max)
        with admin.begin() as connection:
            connection.execute(text("DELETE FROM cargo_prediction WHERE source_id = :id"),
                               {"id": pipeline.ask(newest, since=since)[0].max})
        told, shown = test.communicate(timeout=300)
        assert test.returncode == 1, told + shown
        assert json.loads(told) | {"lost": 0, "repaired": 1, "left_over": None, "sound": False} == json.loads(told)
    finally:
        admin.dispose()
        test.kill()
        pipeline.change("DELETE FROM cargo WHERE starts_with(ingest_key, 'chaos-') AND id > :since", since=since)
    pipeline.wait("the answers go", lambda: not pipeline.ask(newest, since=since)[0].max)


def test_a_wrong_label_is_found(stack: Stack) -> None:
    pipeline = Pipeline(stack)
    since = newest_id(pipeline.source)
    stack.run("produce", "--rows", "30", "--rate", "0", "--mix", "good=2,bad=1", "--run", "spoilt")
    pipeline.wait("all answered", lambda: report(pipeline.source, pipeline.target, "spoilt", since).sound)

    def wrong() -> list[str]:
        faults = wrong_answers(stack.settings, pipeline.source, pipeline.target, "spoilt", since)
        return [fault for fault in faults if fault is not None]

    assert wrong() == []
    ids = [row.source_id for row in pipeline.ask(
        "SELECT source_id FROM cargo_prediction WHERE source_id > :since AND status = 'predicted'", since=since)]
    admin = engine(stack.settings, "target", "admin")
    swap = text("UPDATE cargo_prediction SET label = CASE label WHEN 'brick' THEN 'wood' ELSE 'brick' END "
                "WHERE source_id = :id")
    try:
        with admin.begin() as connection:
            connection.execute(swap, {"id": ids[0]})
        assert len(wrong()) == 1
        assert f"row {ids[0]}:" in wrong()[0]
    finally:
        admin.dispose()
        pipeline.change("DELETE FROM cargo WHERE starts_with(ingest_key, 'spoilt:')")
    pipeline.wait("their answers go", lambda: not pipeline.answers(ids))


def test_a_stack_that_does_not_run_is_not_tested(tmp_path: Path) -> None:
    done = chaos(tmp_path)
    assert done.returncode == 3
    assert "healthy" in done.stderr
    assert "not running" in done.stderr
