"""What is told when answers go wrong in numbers."""

from datetime import UTC, datetime

from cargostream.decode import ImageStatistics
from cargostream.errors import RejectCode
from cargostream.records import SourceRow
from stream_worker.alarms import BLOCK, REPEAT_S, Alarms
from stream_worker.outcomes import Answer, Coordinates, Predicted, Rejected, Served, Unreadable
from stream_worker.window import Window
from stream_worker.work import Work

ROW = SourceRow(1, "c")


def through(answer: Answer, offset: int = 0) -> Work:
    work = Work(Window(0), Coordinates("t", 1, 3, offset), b"", b"", datetime.now(UTC), 0.0)
    work.answer = answer
    return work


def fine(version: int = 1) -> Work:
    return through(Predicted(ROW, Served("m", version, "e"), 0, "wood", (1.0,), "", ImageStatistics(0, 0, 0, 0)))


def failed(version: int = 1) -> Work:
    return through(Rejected(ROW, Served("m", version, "e"), RejectCode.MODEL_ERROR, "no number"))


class Told(list[tuple[str, str, str, str]]):
    def report(self, *event: str) -> None:
        self.append(event)  # type: ignore[arg-type]


def test_dead_letters_are_told_at_once_and_then_by_their_number() -> None:
    told, now = Told(), [0.0]
    alarms = Alarms(told.report, lambda: now[0])
    for offset in range(5):
        alarms.hear(through(Unreadable("no JSON"), offset))
    assert [event[:3] for event in told] == [("dead_letters", "alarm", "t partition 3")]
    now[0] = REPEAT_S
    alarms.hear(fine())
    assert len(told) == 2, "whatever comes next tells of those that were held back"
    assert "offset 4 and 3 since" in told[1][3]
    now[0] = 3 * REPEAT_S
    alarms.hear(fine())
    assert len(told) == 2


def test_a_model_that_fails_on_more_than_one_image_in_a_hundred_is_told_once() -> None:
    told = Told()
    alarms = Alarms(told.report)
    for number in range(3 * BLOCK):
        alarms.hear(failed() if number % BLOCK < 2 else fine())
    assert [event[:3] for event in told] == [("model_errors", "alarm", "version 1")]
    for _ in range(BLOCK):
        alarms.hear(fine())
    for _ in range(BLOCK):
        alarms.hear(failed())
    assert len(told) == 2, "it was well in between"


def test_one_failure_in_a_hundred_is_no_alarm_and_rejected_rows_are_not_the_model_s() -> None:
    told = Told()
    alarms = Alarms(told.report)
    for _ in range(BLOCK - 1):
        alarms.hear(fine())
        alarms.hear(through(Rejected(ROW, Served("m", 1, "e"), RejectCode.EMPTY_FILE, "no bytes")))
    alarms.hear(failed())
    assert told == []


def test_another_version_begins_anew() -> None:
    told = Told()
    alarms = Alarms(told.report)
    for _ in range(BLOCK - 1):
        alarms.hear(failed(1))
    for _ in range(BLOCK):
        alarms.hear(fine(2))
    assert told == []
