"""The demo's last line."""

from cargostream.cli.demo import fault, start_times, summary
from operations.run import RunReport

FOUND = RunReport(rows=300, predicted=298, rejected=1, missing=1, phantom=0, conflicts=0, redelivered=2, p50_ms=41.234,
                  p99_ms=119.96, accuracy=0.95638, model_version=2, first_stored_at=1_000_012.346)
RUNNER = {"started_at": "2026-11-21T12:00:01+00:00", "flowing_s": 9.5, "ready_s": 21.25}
BEGAN = 1_795_262_400.0  # 2026-11-21T12:00:00Z


def test_the_last_line_has_every_figure_that_is_promised():
    line = summary(FOUND, 1_000_000.0, {"start_s": 11.0, "ready_s": 20.0})
    assert line == {
        "rows": 300, "predicted": 298, "rejected": 1, "missing": 1, "phantom": 0, "conflicts": 0, "redelivered": 2,
        "p50_ms": 41.2, "p99_ms": 120.0, "accuracy": 0.9564, "model_version": 2, "start_s": 11.0, "ready_s": 20.0,
        "first_prediction_s": 12.35}


def test_a_run_without_answers_says_so():
    empty = RunReport(rows=3, predicted=0, rejected=0, missing=3, phantom=0, conflicts=0, redelivered=0, p50_ms=None,
                      p99_ms=None, accuracy=None, model_version=None, first_stored_at=None)
    line = summary(empty, 0.0, {})
    assert line["missing"] == 3
    assert line["first_prediction_s"] is None


def test_the_start_counts_from_the_command_and_not_from_the_runner():
    assert start_times(RUNNER, BEGAN, seen=0, ours=True) == {"start_s": 10.5, "ready_s": 22.25}


def test_a_stack_that_ran_before_costs_only_the_look():
    assert start_times(RUNNER, BEGAN, seen=BEGAN + 0.8, ours=False) == {"start_s": 0.8, "ready_s": 0.8}


def test_what_is_not_ready_yet_has_no_time():
    assert start_times(RUNNER | {"ready_s": None}, BEGAN, seen=0, ours=True) == {"start_s": 10.5, "ready_s": None}
    assert start_times(None, BEGAN, seen=BEGAN + 1, ours=True) == {"start_s": 1.0, "ready_s": None}


def whole(**changes):
    found = {"rows": 1, "predicted": 1, "rejected": 0, "missing": 0, "phantom": 0, "conflicts": 0, "redelivered": 0,
             "p50_ms": 1.0, "p99_ms": 1.0, "accuracy": 1.0, "model_version": 1, "first_stored_at": 1.0}
    return RunReport(**(found | changes))


def test_only_a_whole_run_is_sound():
    assert whole().sound
    assert whole(redelivered=1).sound
    assert not any(whole(**{one: 1}).sound for one in ("missing", "phantom", "conflicts"))


def test_rows_that_were_asked_for_and_never_came_are_a_fault():
    cut = whole(rows=120, predicted=120)
    assert fault(cut, 120) is None
    assert fault(cut, None) is None
    assert "Only 120 of the 300 rows" in fault(cut, 300)


def test_an_unsound_run_is_a_fault_however_many_rows_it_has():
    assert "2 predictions belong to no row" in fault(whole(phantom=2), None)
