"""The monitor as a part of the whole stack: rows that stream through are tested, and `status` tells how they fare."""

import json
import os
import signal

from benchmarks.stack import Stack
from cargostream.cli.status import in_lines, read_status
from tests.support.pipeline import Pipeline

SEED = 770_000


def test_rows_that_stream_are_tested_and_judged(stack: Stack) -> None:
    pipeline = Pipeline(stack)
    window = pipeline.settings.drift_window
    images = [pipeline.draw(f"monitor-{number}.jpg", number % 5, SEED + number) for number in range(window + 5)]
    ids = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    pipeline.await_answers(ids)
    of_mine = ("SELECT w.* FROM cargo_window w JOIN cargo_prediction p ON p.model_version = w.model_version "
               "AND (p.stored_at, p.source_id) BETWEEN (w.from_at, w.from_id) AND (w.to_at, w.to_id) "
               "WHERE p.source_id = ANY(:ids)")
    pipeline.wait("a window with these rows", lambda: pipeline.ask(of_mine, ids=ids))
    (first, *_) = pipeline.ask(of_mine, ids=ids)
    assert first.rows == window
    assert 0 < first.estimate_low <= first.estimated_accuracy <= first.estimate_high <= 1

    labelled = "SELECT sum(labelled) AS labelled FROM cargo_accuracy WHERE purpose = 'current'"
    before = pipeline.ask(labelled)[0].labelled
    pipeline.change("UPDATE cargo SET target = 0 WHERE id = ANY(:ids)", ids=ids)
    pipeline.wait("labels that came late", lambda: pipeline.ask(labelled)[0].labelled >= before + len(ids))
    found = read_status(stack.settings)
    assert found["accuracy"]["labelled"] >= len(ids)
    assert 0 <= found["accuracy"]["accuracy_low"] <= found["accuracy"]["accuracy"]
    assert found["drift"]["model_version"] == first.model_version
    assert {"accuracy", "drift"} <= {name for name, _ in in_lines(found)}
    json.dumps(found)


def test_a_monitor_that_was_killed_goes_on_where_it_was(stack: Stack) -> None:
    pipeline = Pipeline(stack)
    os.kill(stack.status()["parts"]["monitor"]["pid"], signal.SIGKILL)
    images = [pipeline.draw(f"again-{number}.jpg", number % 5, SEED + 500 + number)
              for number in range(pipeline.settings.drift_window)]
    ids = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    answers = pipeline.await_answers(ids)
    last = min(answers.values(), key=lambda answer: answer.stored_at)
    pipeline.wait("windows up to these rows", lambda: pipeline.ask(
        "SELECT FROM cargo_window WHERE to_at >= :at", at=last.stored_at))
    overlaps = pipeline.ask(
        "SELECT FROM cargo_window a JOIN cargo_window b "
        "ON b.model_version = a.model_version AND b.number = a.number + 1 "
        "WHERE (b.from_at, b.from_id) <= (a.to_at, a.to_id)")
    assert overlaps == []
