"""Processes that hang are noticed by the runner and started anew; nobody has to do anything."""

import psutil

from benchmarks.stack import Stack
from tests.support.pipeline import Pipeline

KINDS = {"worker-0": "worker_stuck", "connect": "part_stuck"}


def test_a_worker_and_a_connect_that_hang_are_started_anew_and_the_rows_are_answered(stack: Stack) -> None:
    pipeline = Pipeline(stack)
    before = stack.status()["parts"]
    hung = {name: psutil.Process(before[name]["pid"]) for name in KINDS}
    for process in hung.values():
        process.suspend()
    images = [pipeline.draw(f"hung-{number}.png", number % 5, 4200 + number) for number in range(40)]
    ids = pipeline.insert([(*image, None) for image in images])

    pipeline.wait("the hung processes are killed",
                  lambda: not any(process.is_running() for process in hung.values()), timeout_s=120)
    answers = pipeline.await_answers(ids, timeout_s=120)
    assert [(answers[one].status, answers[one].image_sha256) for one in ids] == [
        ("predicted", digest) for _, digest in images]
    after = stack.status()["parts"]
    assert {name: after[name]["restarts"] - before[name]["restarts"] for name in KINDS} == dict.fromkeys(KINDS, 1)
    for name, kind in KINDS.items():
        pipeline.wait(f"{name} is told of", lambda name=name, kind=kind: pipeline.ask(  # type: ignore[misc]
            "SELECT 1 FROM cargo_event WHERE kind = :kind AND subject = :name AND severity = 'alarm'",
            kind=kind, name=name))
