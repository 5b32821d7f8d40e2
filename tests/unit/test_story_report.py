"""The story's judgement and its report, on a tale that is made up here."""

import io

import pytest
from PIL import Image

from cargostream.labels import CARGO_LABELS
from operations.run import RunReport
from operations.story.expected import expectations, swap_delay
from operations.story.report import clock, write_report
from operations.story.rows import Event, StoryRow, accuracy, percentile_ms, running
from operations.story.tale import Tale

START = 1_795_000_000.0
MOMENTS = {"start": 0, "monday": 20, "tuesday": 60, "drift": 68, "fallen": 90, "training": 90, "trained": 300,
           "challenger": 301, "promoted": 340, "swapped": 342, "recovered": 380, "again": 380, "held": 410, "end": 412}
FIGURES = {"before": {"monday": {"accuracy": 0.97, "low": 0.96, "high": 0.98},
                      "tuesday": {"accuracy": 0.70, "low": 0.68, "high": 0.72}},
           "after": {"monday": {"accuracy": 0.96, "low": 0.95, "high": 0.97},
                     "tuesday": {"accuracy": 0.90, "low": 0.88, "high": 0.91}}}
GATES = [{"name": "monday", "passed": True, "words": "0.960 against 0.970"},
         {"name": "<b>tuesday</b>", "passed": True, "words": "0.900 against 0.700"}]
SOUND = RunReport(rows=100, predicted=100, rejected=0, missing=0, phantom=0, conflicts=0, redelivered=1, p50_ms=40.0,
                  p99_ms=90.0, accuracy=0.9, model_version=2, first_stored_at=START)


def tale(**moments: float | None) -> Tale:
    told = Tale("story-1", 0, gates=GATES, figures=FIGURES, drift_rows=60)
    for name, at in (MOMENTS | moments).items():
        if at is not None:
            told.tell(name, START + at, f"This is {name}.")
    return told


def rows(slow_at: float | None = None) -> list[StoryRow]:
    """Ten rows a second, right on Monday and wrong on every third of Tuesday; the last second has no labels yet."""
    found = []
    for number in range(200, 4100):
        at = number / 10
        part = "monday" if at < 60 else "tuesday" if at < 380 else "again"
        latency = 400.0 if slow_at is not None and abs(at - slow_at) < 0.05 else 40.0
        right = part != "tuesday" or at > 342 or number % 3 != 0
        found.append(StoryRow(
            id=number, run=f"story-1-{part}", committed_at=START + at, stored_at=START + at + latency / 1000,
            latency_ms=latency, status="predicted", model_version=1 if at < 342 else 2, confidence=0.9, truth=1,
            target=1 if right else 2, correct=None if at > 409 else right, image_path=f"x/{number}.jpg"))
    return found


def unmet(told: Tale, events: tuple[Event, ...] = (), run: RunReport = SOUND,
          slow_at: float | None = None) -> list[str]:
    return [one.what for one in expectations(told, rows(slow_at), events, [run]) if not one.met]


def test_a_good_story_meets_everything() -> None:
    assert unmet(tale(), (Event("drift", "alarm", "v1", "x", START + 68),)) == []


@pytest.mark.parametrize(("changes", "word"), [
    ({"trained": 500.0, "promoted": 540.0, "swapped": 541.0, "end": 600.0}, "retraining"),
    ({"swapped": 347.0}, "from the alias"), ({"swapped": None}, "from the alias"), ({"end": 1000.0}, "whole story"),
    ({"trained": None}, "retraining")])
def test_a_late_or_missing_moment_is_told(changes: dict[str, float | None], word: str) -> None:
    assert any(word in what for what in unmet(tale(**changes)))


@pytest.mark.parametrize(("side", "day", "value", "word"), [
    ("before", "monday", 0.92, "first model"), ("before", "tuesday", 0.83, "loses on Tuesday"),
    ("after", "tuesday", 0.87, "wins back"), ("after", "monday", 0.94, "loses on Monday")])
def test_each_figure_of_the_models_can_fail(side: str, day: str, value: float, word: str) -> None:
    told = tale()
    changed = told.figures[side][day] | {"accuracy": value}
    told.figures = told.figures | {side: told.figures[side] | {day: changed}}
    assert any(word in what for what in unmet(told))


def test_without_gates_the_models_are_not_met() -> None:
    told = tale()
    told.figures = {}
    assert unmet(told) == ["both models on the evaluation sets"]


def test_a_false_alarm_on_monday_and_a_late_alarm_are_told() -> None:
    told = tale()
    told.drift_rows = 101
    found = unmet(told, (Event("drift", "alarm", "v1", "x", START + 40),))
    assert len(found) == 2
    assert all("alarm" in what for what in found)


@pytest.mark.parametrize("fault", ["missing", "phantom", "conflicts"])
def test_rows_without_their_one_answer_are_told(fault: str) -> None:
    import msgspec

    assert len(unmet(tale(), run=msgspec.structs.replace(SOUND, **{fault: 1}))) == 1


def test_a_row_that_the_swap_held_up_is_told() -> None:
    assert swap_delay(tale(), rows(slow_at=341)) == pytest.approx(360)
    assert swap_delay(tale(), rows(slow_at=300)) == pytest.approx(0)
    assert any("swap" in what for what in unmet(tale(), slow_at=341))


def test_the_stream_has_to_get_better_and_to_stay_good() -> None:
    def changed(part: str, correct: bool, since: float = 0.0) -> list[str]:
        import msgspec

        other = [msgspec.structs.replace(row, correct=correct)
                 if row.run.endswith(part) and row.committed_at >= START + since else row for row in rows()]
        return [one.what for one in expectations(tale(), other, (), [SOUND]) if not one.met]

    assert changed("-tuesday", False, 342) == ["Tuesday's rows of the stream, before and after the swap"]
    assert changed("-again", False) == ["Monday's rows of the stream, at first and again"]
    assert unmet(tale(), (Event("drift", "alarm", "v2", "x", START + 390),)) == [
        "drift alarms about the second model"]


def test_slow_rows_during_the_training_are_told() -> None:
    slow = [StoryRow(**{name: getattr(row, name) for name in row.__struct_fields__} | {"latency_ms": 600.0})
            if 100 < row.committed_at - START < 120 else row for row in rows()]
    assert any("p99" in one.what and not one.met for one in expectations(tale(), slow, (), [SOUND]))


def test_shares_are_of_labelled_rows_only() -> None:
    found = rows()
    assert accuracy(row for row in found if row.run.endswith("-monday")) == (1.0, 400)
    assert accuracy(row for row in found if row.correct is None) is None
    assert percentile_ms([], 0.5) is None
    times, shares = running(found, 50)
    assert len(times) == len(shares) == sum(row.correct is not None for row in found) - 49
    assert running(found[:49], 50) == ([], [])


def test_the_report_is_whole_and_escapes_what_it_quotes() -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(file, "JPEG")
    windows = [{"to_at": START + at, "p_value": p, "threshold": 1e-4, "drift": p < 1e-4}
               for at, p in ((50, 0.4), (70, 1e-9), (75, 0.0))]
    windows.append({"to_at": START + 80, "p_value": None, "threshold": 1e-4, "drift": False})
    told, found = tale(), rows()
    html = write_report(told, found, windows, expectations(told, found, (), [SOUND]), CARGO_LABELS,
                        lambda path: file.getvalue())
    assert html.count("<svg") == 3
    assert html.count("data:image/jpeg;base64,") == 30
    assert "&lt;b&gt;tuesday" in html
    assert "<b>tuesday" not in html
    assert "0.900 (0.880–0.910)" in html
    assert "All 15 figures were met" in html
    for moment in told.moments:
        assert moment.words in html


def test_a_story_that_ended_early_has_a_report_too() -> None:
    told = Tale("story-1", 0)
    told.tell("start", START, "The stack runs.")
    told.tell("end", START + 3, "The end.")
    html = write_report(told, [], [], expectations(told, [], (), []), CARGO_LABELS, lambda path: b"")
    assert "not met" in html


def test_the_clock() -> None:
    assert (clock(0), clock(61.9), clock(3725)) == ("00:00", "01:01", "62:05")
