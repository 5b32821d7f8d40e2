"""`cargostream verify` on the whole stack: what is lost or left over is put right, what is on its way is left alone."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from benchmarks.stack import Stack
from cargostream.cli.status import in_lines, read_status
from cargostream.database import engine
from tests.support.pipeline import Pipeline

LONG_S = 150


@pytest.fixture
def pipeline(stack: Stack) -> Pipeline:
    return Pipeline(stack)


def verify(stack: Stack, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit status and report."""
    variables = {**os.environ, "CARGOSTREAM_HOME": str(stack.home), "CARGOSTREAM_CACHE": str(stack.cache)}
    done = subprocess.run([sys.executable, "-m", "cargostream", "verify", "--json", *options], env=variables, text=True,
                          capture_output=True, timeout=280, check=False)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


@contextmanager
def service_asleep(stack: Stack) -> Iterator[None]:
    """The stack's own verification does nothing meanwhile."""
    pid = stack.status()["parts"]["verify"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def spoil(pipeline: Pipeline, *statements: str, **values: Any) -> None:
    """Change the target behind the pipeline's back."""
    admin = engine(pipeline.settings, "target", "admin")
    with admin.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)
    admin.dispose()


def drawn(pipeline: Pipeline, name: str, count: int, seed: int) -> list[int]:
    """Ids of rows that are answered."""
    images = [pipeline.draw(f"{name}-{n}.png", n % 5, seed + n) for n in range(count)]
    ids = pipeline.insert([(path, sha256, None) for path, sha256 in images])
    answers = pipeline.await_answers(ids)
    assert {answer.status for answer in answers.values()} == {"predicted"}
    return ids


def test_what_is_lost_stale_or_left_over_is_found_and_repaired(stack: Stack, pipeline: Pipeline) -> None:
    pipeline.wait("agreement", lambda: verify(stack)[0] == 0, LONG_S)
    with service_asleep(stack):
        ids = drawn(pipeline, "verify", 8, 910_000)
        before = pipeline.answers(ids)
        lost, gone, stale, unanswered, wrong, sound = ids[:6]
        phantom = ids[-1] + 1_000_000
        spoil(pipeline, "DELETE FROM cargo WHERE id IN (:lost, :gone)",
              "DELETE FROM cargo_prediction WHERE source_id IN (:gone, :unanswered)",
              "UPDATE cargo SET image_path = 'tests/other.png' WHERE id = :stale",
              "UPDATE cargo_prediction SET image_sha256 = repeat('0', 64) WHERE source_id = :wrong",
              "INSERT INTO cargo SELECT :phantom, \"timestamp\", image_path, target, sha256, NULL, source_epoch, "
              "source_partition, source_offset, source_lsn, committed_at, stored_at FROM cargo WHERE id = :sound",
              "INSERT INTO cargo_prediction (source_id, status, error_code, source_epoch, source_partition, "
              "source_offset, attempt, stored_at) VALUES (:phantom + 1, 'rejected', 'empty_file', 1, 0, 0, 0, now())",
              lost=lost, gone=gone, stale=stale, unanswered=unanswered, wrong=wrong, sound=sound, phantom=phantom)
        status, report = verify(stack)
        assert status == 3
        kinds = {one["id"]: one["kind"] for one in report["standing"]}
        assert kinds == {
            lost: "not mirrored", gone: "not mirrored", stale: "mirrored otherwise", unanswered: "without a prediction",
            wrong: "with a prediction for another image", phantom: "left over in the mirror",
            phantom + 1: "left over among the predictions"}
        status, report = verify(stack, "--repair")
        assert (status, report["differing"], sum(report["repaired"].values())) == (0, 0, 7), report
        after = pipeline.answers(ids)
        assert {i: (a.label, a.image_sha256) for i, a in after.items()} == \
               {i: (a.label, a.image_sha256) for i, a in before.items()}
        assert (after[unanswered].attempt, after[wrong].attempt) == (1, 1)
        assert pipeline.ask("SELECT FROM cargo WHERE id >= :phantom", phantom=phantom) == []
        assert verify(stack)[0] == 0


def test_the_stack_repairs_by_itself_and_tells(stack: Stack, pipeline: Pipeline) -> None:
    ids = drawn(pipeline, "alone", 4, 920_000)
    (now,) = pipeline.ask("SELECT clock_timestamp() AS at")
    spoil(pipeline, "DELETE FROM cargo WHERE id = ANY(:ids)",
          "DELETE FROM cargo_prediction WHERE source_id = ANY(:ids)", ids=ids)
    pipeline.await_answers(ids, LONG_S)
    told = "SELECT severity, detail FROM cargo_event WHERE kind = :kind AND stored_at > :since"
    pipeline.wait("the alarm", lambda: pipeline.ask(told, kind="rows_differ", since=now.at), LONG_S)
    pipeline.wait("the all-clear", lambda: pipeline.ask(told, kind="rows_repaired", since=now.at), LONG_S)
    found = read_status(stack.settings)
    assert found["verified"]["repaired"] >= len(ids)
    assert "verify" in {name for name, _ in in_lines(found)}


def test_rows_on_their_way_are_not_told(stack: Stack, pipeline: Pipeline) -> None:
    """Inserted, changed and deleted all the time, while everything is compared again and again."""
    path, sha256 = pipeline.draw("stream.png", 2, 930_000)
    other, other_sha256 = pipeline.draw("stream2.png", 3, 930_001)
    stop = threading.Event()
    ids: list[int] = []

    def stream() -> None:
        while not stop.wait(0.03):
            ids.extend(pipeline.insert([(path, sha256, None)]))
            if len(ids) % 4 == 0:
                pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id", id=ids[-2],
                                path=other, sha256=other_sha256)
            if len(ids) % 5 == 0:
                pipeline.change("DELETE FROM cargo WHERE id = :id", id=ids[-3])

    writer = threading.Thread(target=stream)
    with service_asleep(stack):
        writer.start()
        try:
            reports = [verify(stack) for _ in range(3)]
        finally:
            stop.set()
            writer.join()
    assert len(ids) > 100
    assert [(status, report["found"]) for status, report in reports] == [(0, {})] * 3


def test_an_image_that_comes_late_is_predicted_in_the_end(pipeline: Pipeline) -> None:
    path, sha256 = pipeline.draw("late.png", 1, 940_000)
    file = pipeline.settings.image_store / path
    content = file.read_bytes()
    file.unlink()
    (identity,) = pipeline.insert([(path, sha256, None)])
    assert pipeline.await_answers([identity])[identity].error_code == "file_not_found"
    file.write_bytes(content)
    pipeline.wait("the prediction", lambda: pipeline.answers([identity])[identity].status == "predicted", LONG_S)
    answer = pipeline.answers([identity])[identity]
    assert answer.attempt >= 1
    assert answer.image_sha256 == sha256
