"""A worker that hangs is noticed by the runner and started anew; nobody has to do anything."""

import signal

import psutil

from benchmarks.stack import Stack
from tests.support.pipeline import Pipeline


def test_a_worker_that_hangs_is_started_anew_and_its_rows_are_answered(stack: Stack) -> None:
    pipeline = Pipeline(stack)
    before = stack.status()["parts"]["worker-0"]
    hung = psutil.Process(before["pid"])
    hung.send_signal(signal.SIGSTOP)
    images = [pipeline.draw(f"hung-{number}.png", number % 5, 4200 + number) for number in range(40)]
    ids = pipeline.insert([(*image, None) for image in images])

    pipeline.wait("the hung process is killed", lambda: not hung.is_running(), timeout_s=90)
    answers = pipeline.await_answers(ids, timeout_s=120)
    assert [(answers[one].status, answers[one].image_sha256) for one in ids] == [
        ("predicted", digest) for _, digest in images]
    after = stack.status()["parts"]["worker-0"]
    assert (after["pid"] != before["pid"], after["restarts"]) == (True, before["restarts"] + 1)
    pipeline.wait("it is told", lambda: pipeline.ask(
        "SELECT detail FROM cargo_event WHERE kind = 'worker_stuck' AND subject = 'worker-0' AND severity = 'alarm'"))
