"""The story on a real stack, with image sets so small that it is told in two minutes.

What a second model learns from so few photos is chance, so the gates may let it through or not; everything up to them
has to happen, and in either case the report tells it and every row is answered once.
"""

import json
import os
import subprocess
import sys

import pytest

from data_prepare.sets import SETS, ensure_set
from tests.support.processes import left_over

SMALL = {name: chosen._replace(counts=tuple(max(6, count // 20) for count in chosen.counts))
         for name, chosen in SETS.items() if name != "starter"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    home = tmp_path_factory.mktemp("story") / "home"
    for name in SMALL:
        ensure_set(home / "images", name, sets=SMALL)
    done = subprocess.run([sys.executable, "-m", "cargostream", "story", "--rate", "40", "--budget", "20", "--json"],
                          env={**os.environ, "CARGOSTREAM_HOME": str(home)}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=840, check=False)
    assert done.stdout, done.stderr[-3000:]
    return home, done, json.loads(done.stdout)


def test_everything_up_to_the_gates_happens_in_order(told):
    _, done, found = told
    names = [moment["name"] for moment in found["moments"]]
    expected = ["start", "monday", "tuesday", "drift", "fallen", "training", "trained", "challenger"]
    assert names[:len(expected)] == expected, done.stderr[-3000:]
    assert names[-1] == "end"
    times = [moment["at"] for moment in found["moments"]]
    assert times == sorted(times)


def test_tuesday_trips_the_alarm_and_monday_does_not(told):
    _, _, found = told
    by_name = {one["what"]: one for one in found["expectations"]}
    assert by_name["Tuesday's rows until the window that trips the alarm is full"]["met"], by_name
    assert by_name["false alarms among Monday's rows"]["met"], by_name


def test_the_gates_judged_and_their_verdict_is_the_end(told):
    _, done, found = told
    gates = {gate["name"]: gate["passed"] for gate in found["gates"]}
    assert {"monday", "tuesday", "calibration", "size", "speed", "live"} <= set(gates)
    promoted = "promoted" in [moment["name"] for moment in found["moments"]]
    assert promoted == all(gates.values())
    if not promoted:
        assert done.returncode == 1
        assert "was not promoted" in done.stderr.splitlines()[-1]


def test_every_row_has_its_one_answer(told):
    _, _, found = told
    integrity = next(one for one in found["expectations"] if "without an answer" in one["what"])
    assert integrity["met"], integrity


def test_it_leaves_a_report_and_no_process(told):
    home, done, found = told
    report = (home / "story" / "report.html").read_text(encoding="utf-8")
    assert report.count("<svg") == 3
    for moment in found["moments"]:
        assert moment["name"] in report
    assert json.loads((home / "story" / "report.json").read_text())["tale"]["name"] == found["name"]
    assert left_over(home) == []
    assert "Traceback" not in done.stderr
