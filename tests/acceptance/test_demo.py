"""The demo in a fresh home folder: it ends by itself, goes on from its state, and leaves nothing running."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from cargostream.database import engine
from cargostream.settings import load_settings
from tests.support.processes import left_over, wait_until_gone

KEYS = ["rows", "predicted", "rejected", "missing", "phantom", "conflicts", "redelivered", "p50_ms", "p99_ms",
        "accuracy", "model_version", "start_s", "ready_s", "first_prediction_s"]

pytestmark = pytest.mark.timeout(900)


class Demo:
    """A demo that runs, its standard error going to a file."""

    def __init__(self, home, *arguments):
        self.home = home
        self.log = home.parent / f"demo-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cargostream", "demo", *arguments], stdout=subprocess.PIPE, stderr=log,
                stdin=subprocess.DEVNULL, text=True, env={**os.environ, "CARGOSTREAM_HOME": str(home)},
                start_new_session=True)

    @property
    def words(self):
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, pattern, deadline_s=300):
        deadline = time.monotonic() + deadline_s
        while not (found := re.search(pattern, self.words)):
            assert self.process.poll() is None, f"the demo ended: {self.words[-3000:]}"
            assert time.monotonic() < deadline, f"no {pattern!r} after {deadline_s} s: {self.words[-3000:]}"
            time.sleep(0.1)
        return found

    def end(self, deadline_s=600):
        stdout, _ = self.process.communicate(timeout=deadline_s)
        return self.process.returncode, stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    yield home
    subprocess.run([sys.executable, "-m", "cargostream", "down"], env={**os.environ, "CARGOSTREAM_HOME": str(home)},
                   check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def first(home):
    """The first demo in the folder; the others go on from it."""
    demo = Demo(home, "--rows", "30")
    returncode, stdout = demo.end(840)
    assert returncode == 0, demo.words[-3000:]
    return stdout, left_over(home)


def test_it_ends_by_itself_and_its_last_line_tells_about_its_rows(first):
    stdout, _ = first
    line = json.loads(stdout.splitlines()[-1])
    assert list(line) == KEYS
    assert (line["rows"], line["predicted"], line["rejected"]) == (30, 30, 0)
    assert (line["missing"], line["phantom"], line["conflicts"]) == (0, 0, 0)
    assert line["model_version"] >= 1
    assert line["accuracy"] > 0.8
    assert 0 < line["p50_ms"] <= line["p99_ms"]
    assert 0 < line["start_s"] <= line["ready_s"]
    assert line["start_s"] < line["first_prediction_s"]


def test_nothing_but_that_line_is_on_standard_output(first):
    assert len(first[0].splitlines()) == 1


def test_it_leaves_no_process(first):
    assert first[1] == []


def test_ctrl_c_stops_a_demo_that_goes_on_from_the_first(first, home):
    demo = Demo(home)
    demo.wait_for(r"predicted [1-9]")
    source = engine(load_settings(home), "source", "dashboard")
    with source.connect() as connection:
        runs, oldest = connection.execute(text(
            "SELECT count(DISTINCT split_part(ingest_key, ':', 1)), min(id) FROM cargo")).one()
    source.dispose()
    assert (runs, oldest) == (2, 1)
    demo.process.send_signal(signal.SIGINT)
    assert demo.end(120) == (130, "")
    assert "Traceback" not in demo.words
    assert left_over(home) == []


def test_a_second_ctrl_c_skips_the_clean_up_and_still_leaves_nothing(first, home):
    demo = Demo(home)
    demo.wait_for("source .* s\n")
    demo.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once would arrive as one
    demo.process.send_signal(signal.SIGINT)
    assert demo.end(30)[0] == 130
    wait_until_gone(home, 10)


def test_a_demo_that_is_killed_takes_its_stack_with_it(first, home):
    demo = Demo(home)
    demo.wait_for("source .* s\n")
    demo.process.kill()
    demo.end(30)
    wait_until_gone(home, 90)
