"""The story on a real stack that runs, with image sets so small that it is told in two minutes.

The champion at the beginning has its answers one class off, so that whatever is learnt from few photos is better and
the whole story happens. How good models and how short times are is for the story with all its photos to tell.
"""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.mistaken import write_mistaken
from cargostream.settings import load_settings
from data_prepare.sets import SETS, ensure_set
from model_registry.mlflow_write import set_alias
from tests.support.processes import left_over

SMALL = {name: chosen._replace(counts=tuple(max(12, count // 20) for count in chosen.counts))
         for name, chosen in SETS.items() if name != "starter"}
ACTS = ["start", "monday", "tuesday", "drift", "fallen", "training", "trained", "challenger", "promoted", "swapped",
        "recovered", "again", "held", "end"]

pytestmark = pytest.mark.timeout(900)


class Told:
    """A home folder whose stack runs, and what a story on it said."""

    def __init__(self, home):
        self.home = home
        for name in SMALL:
            ensure_set(home / "images", name, sets=SMALL)
        self.run("up")
        made = json.loads(self.run("model", "register", str(write_mistaken(home.parent / "mistaken")), "--json").stdout)
        assert json.loads(self.run("status", "--json").stdout)["running"]
        set_alias(load_settings(home).tracking_uri, "cargo-ground", "champion", made["version"])
        self.done = self.run("story", "--rate", "40", "--budget", "40", "--json", check=False)
        assert self.done.stdout, self.done.stderr[-3000:]
        self.found = json.loads(self.done.stdout)
        self.running = bool(left_over(home))
        self.again = self.run("story", "--json", "--out", str(home.parent / "again"), check=False)

    def run(self, *arguments, check=True):
        return subprocess.run([sys.executable, "-m", "cargostream", *arguments], capture_output=True, text=True,
                              env={**os.environ, "CARGOSTREAM_HOME": str(self.home)}, stdin=subprocess.DEVNULL,
                              timeout=800, check=check)

    def met(self, part):
        return next(one["met"] for one in self.found["expectations"] if part in one["what"])


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    home = tmp_path_factory.mktemp("story") / "home"
    try:
        yield Told(home)
    finally:
        subprocess.run([sys.executable, "-m", "cargostream", "down"], capture_output=True, timeout=120, check=True,
                       env={**os.environ, "CARGOSTREAM_HOME": str(home)})
        assert left_over(home) == []


def test_everything_happens_in_order(told):
    assert [moment["name"] for moment in told.found["moments"]] == ACTS, told.done.stderr[-3000:]
    times = [moment["at"] for moment in told.found["moments"]]
    assert times == sorted(times)
    assert all(gate["passed"] for gate in told.found["gates"])
    assert {gate["name"] for gate in told.found["gates"]} == {"monday", "tuesday", "calibration", "size", "speed",
                                                             "live"}


def test_tuesday_trips_the_alarm_and_monday_does_not(told):
    assert told.met("until the window that trips the alarm")
    assert told.met("false alarms among Monday's rows")


def test_the_stream_gets_better_with_the_second_model(told):
    assert told.met("Tuesday's rows of the stream")
    assert told.met("Monday's rows of the stream")


def test_every_row_has_its_one_answer(told):
    assert told.met("without an answer")


def test_figures_that_are_not_met_are_the_last_word(told):
    unmet = [one["what"] for one in told.found["expectations"] if not one["met"]]
    assert "the first model on Monday's evaluation set" in unmet
    assert told.done.returncode == 1
    assert f"{len(unmet)} of {len(told.found['expectations'])} figures were not met" in told.done.stderr
    assert "Traceback" not in told.done.stderr


def test_it_leaves_a_report_and_the_stack_as_it_was(told):
    report = (told.home / "story" / "report.html").read_text(encoding="utf-8")
    assert report.count("<svg") == 3
    for moment in told.found["moments"]:
        assert moment["name"] in report
    assert told.running


def test_a_champion_that_knows_tuesday_is_not_rolled_back_on_somebody_s_stack(told):
    assert told.again.returncode == 1
    assert "model rollback" in told.again.stderr
