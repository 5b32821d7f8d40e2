"""What `replay` understands, how it keeps its pace, and how it adds up what changed."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from cargostream.cli.replay import _ids, _moment
from cargostream.errors import UsageError
from cargostream.replays import Repeat
from operations.comparison import EXAMPLES, Comparison
from operations.ranges import Answer, Row
from operations.replay import paced
from tests.unit.test_cli_refusals import typed

NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)


def row(number: int, before: Answer | None, truth: int | None = None) -> Row:
    columns: Any = {"id": number, "image_path": f"{number}.png", "target": truth}
    return Row(columns, Repeat(1, 0, number, 1), before)


def said(label: str, target: int, version: int = 1) -> Answer:
    return Answer("predicted", label, None, target, version)


MISSING = Answer("rejected", None, "file_not_found", None, 1)


def test_what_changed_is_added_up_and_only_some_is_kept_as_examples() -> None:
    done = Comparison()
    for number in range(100):
        done.add(row(number, MISSING, truth=4), said("wood", 4, 2))
    done.add(row(100, said("brick", 1), truth=4), said("wood", 4, 2))
    done.add(row(101, said("wood", 4), truth=4), said("wood", 4, 2))
    done.add(row(102, said("wood", 4)), said("brick", 1, 2))
    done.add(row(103, None), MISSING)
    told = done.as_json()
    assert (told["rows"], told["same"], told["changed"], len(told["examples"])) == (104, 1, 103, EXAMPLES)
    assert told["changes"][0] == {"before": "rejected file_not_found", "after": "wood", "rows": 100}
    assert {"before": "no answer", "after": "rejected file_not_found", "rows": 1} in told["changes"]
    assert told["accuracy"] == {"rows": 2, "before": 0.5, "after": 1.0}
    assert told["versions"] == {"2": 103, "1": 1}


def test_there_is_no_accuracy_where_no_truth_is_known() -> None:
    done = Comparison()
    done.add(row(1, said("wood", 4)), said("brick", 1))
    assert done.accuracy() is None


def test_rows_come_at_the_rate_that_was_asked_for() -> None:
    began = time.monotonic()
    given = [each for each in paced([row(n, None) for n in range(11)], rate=50) if each is not None]
    assert len(given) == 11
    assert 0.2 <= time.monotonic() - began < 2
    assert None not in list(paced([row(n, None) for n in range(5)], rate=0))


def test_times_are_iso_or_a_while_ago() -> None:
    assert _moment("--since", None) is None
    assert _moment("--since", "2026-11-21T09:00") == _moment("--since", "2026-11-21T10:00+01:00") == NINE
    ago = datetime.now(UTC) - cast(datetime, _moment("--since", "2h"))
    assert abs(ago - timedelta(hours=2)) < timedelta(minutes=1)
    for text in ("yesterday", "", "5", "-2h", "99999999d"):
        with pytest.raises(UsageError, match="--since takes a time"):
            _moment("--since", text)


def test_ids_are_numbers_with_commas() -> None:
    assert _ids("3,1,2,1") == [1, 2, 3]
    for text in ("", "1,", "1;2", "a", "1 OR 1=1", "9" * 40):
        with pytest.raises(UsageError, match="--rows takes ids"):
            _ids(text)


@pytest.mark.parametrize(("command", "words"), [
    (["replay"], "Say which rows"), (["replay", "--rejected", "bad"], "the codes are"),
    (["dlq", "replay"], "Name records by their ids"), (["dlq", "dismiss", "--all", "target:1"], "or all with --all"),
    (["dlq", "show", "x"], "kafka:PARTITION:OFFSET"),
])
def test_what_makes_no_sense_is_told_before_anything_is_asked(
        command: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, messages = typed(monkeypatch, capsys, *command)
    assert (code, words in messages) == (2, True), messages
