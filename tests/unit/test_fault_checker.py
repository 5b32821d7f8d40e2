"""The judge of the fault cases finds each kind of damage, and calls it by its name."""

from dataclasses import replace

import pytest

from cargostream.labels import CARGO_LABELS
from tests.faults.checker import check, counts
from tests.faults.history import Answer, Copy, Expected, Fault, History, Row, Write

VERSION = 3
COUNT = 10


def digest(number: int) -> str:
    return f"{number:064x}"


def answer(number: int, offset: int | None = None, **changes: object) -> Answer:
    """The right answer to row `number`: row n has image n, of class n mod 5; every tenth row is bad."""
    if number % COUNT == 0:
        right = Answer(number, "rejected", 1, number % 8, number if offset is None else offset,
                       error_code="not_an_image", model_version=VERSION)
    else:
        right = Answer(number, "predicted", 1, number % 8, number if offset is None else offset,
                       label=CARGO_LABELS[number % 5], confidence=0.5 + number / 100, model_version=VERSION,
                       image_sha256=digest(number))
    return replace(right, **changes)


def row(number: int) -> Row:
    return Row(number, f"{number}.jpg", digest(number) if number % 2 else None)


NUMBERS = range(1, COUNT + 1)
OTHER = replace(row(5), image_path="new.jpg", sha256=digest(99))
ANSWERS = tuple(answer(number) for number in NUMBERS)
WHOLE = History(
    rows=tuple(map(row, NUMBERS)), acknowledged=frozenset(NUMBERS), mirror=tuple(map(row, NUMBERS)),
    expected={(row(n).image_path, row(n).sha256): Expected("rejected", error_code="not_an_image") if n % COUNT == 0
              else Expected("predicted", digest(n)) for n in NUMBERS},
    oracle={(digest(n), VERSION): (CARGO_LABELS[n % 5], 0.5 + n / 100) for n in NUMBERS},
    answers=ANSWERS, writes=tuple(Write("INSERT", one) for one in ANSWERS), sent=(*ANSWERS, ANSWERS[4]),
    captured={one.record: False for one in ANSWERS} | {(1, 7, 900): True, (1, 7, 901): False},
    dead=((1, 7, 901), (1, 7, 901)), garbage=frozenset({(1, 7, 901)}),
    faults=(Fault("kill", 5, COUNT),), planned=1, minimum=COUNT)


def without(number: int, things: tuple) -> tuple:
    return tuple(one for one in things if number not in (getattr(one, "source_id", None), getattr(one, "id", None)))


def with_answer(wrong: Answer) -> History:
    """The history in which the target says this of a row, and wrote and sent it so."""
    answers = (*without(wrong.source_id, ANSWERS), wrong)
    return replace(WHOLE, answers=answers, writes=tuple(Write("INSERT", one) for one in answers), sent=answers)


def names(history: History) -> set[str]:
    return {violation.invariant for violation in check(history)}


def test_a_whole_history_passes() -> None:
    assert check(WHOLE) == []
    assert counts(WHOLE) == {"rows": 10, "predicted": 9, "rejected": 1, "repeats": 1, "answers_sent": 11,
                             "dead_letters": 1, "faults": 1}


@pytest.mark.parametrize(("history", "invariant", "about"), [
    pytest.param(replace(WHOLE, answers=without(4, ANSWERS)), "I1", 4, id="lost"),
    pytest.param(replace(WHOLE, mirror=without(4, WHOLE.mirror)), "I1", 4, id="lost on the way to the mirror"),
    pytest.param(replace(WHOLE, acknowledged=frozenset(range(1, 12))), "I1", 11, id="lost by the source"),
    pytest.param(replace(WHOLE, mended=3), "I1", None, id="lost, and repaired by the verification"),
    pytest.param(replace(WHOLE, answers=(*ANSWERS, answer(11))), "I2", 11, id="phantom"),
    pytest.param(replace(WHOLE, mirror=(*WHOLE.mirror, row(11))), "I2", 11, id="phantom in the mirror"),
    pytest.param(replace(WHOLE, rows=without(6, WHOLE.rows), acknowledged=WHOLE.acknowledged - {6},
                         mirror=without(6, WHOLE.mirror)), "I2", 6, id="a DELETE that came to life again"),
    pytest.param(replace(WHOLE, answers=(*ANSWERS, answer(3))), "I3", 3, id="doubled"),
    pytest.param(replace(WHOLE, writes=(*WHOLE.writes, Write("INSERT", answer(3, label="wood")))), "I3", 3,
                 id="a rewrite that conflicts"),
    pytest.param(replace(WHOLE, sent=(*WHOLE.sent, answer(10, error_code="corrupt_image"))), "I3", 10,
                 id="a repeat in the topic that conflicts"),
    pytest.param(replace(WHOLE, conflicts=2), "I3", None, id="a conflict that the guard counted"),
    pytest.param(with_answer(answer(3, label="brick")), "I4", 3, id="wrong label"),
    pytest.param(with_answer(answer(3, confidence=0.9)), "I4", 3, id="wrong confidence"),
    pytest.param(with_answer(answer(3, model_version=9)), "I4", 3, id="a version that nobody knows"),
    pytest.param(with_answer(answer(3, image_sha256=digest(4), label=CARGO_LABELS[4], confidence=0.54)), "I4", 3,
                 id="swapped: the answer to another row"),
    pytest.param(with_answer(answer(3, label=CARGO_LABELS[4], confidence=0.54)), "I4", 3,
                 id="swapped: the label of another row"),
    pytest.param(with_answer(answer(10, error_code="empty_file")), "I4", 10, id="another code"),
    pytest.param(replace(WHOLE, copies=(Copy("INSERT", row(3), (1, 3, 8)), Copy("UPDATE", row(3), (1, 3, 7)))), "I4", 3,
                 id="a mirror that went back"),
    pytest.param(replace(WHOLE, copies=(Copy("INSERT", row(3), (1, 3, 8)), Copy("DELETE", row(3), (1, 3, 8)),
                                        Copy("INSERT", row(3), (1, 3, 7)))), "I4", 3, id="a DELETE that went back"),
    pytest.param(with_answer(answer(10, status="predicted", error_code=None)), "I4", 10, id="a bad image predicted"),
    pytest.param(replace(WHOLE, rows=(*without(5, WHOLE.rows), OTHER), mirror=(*without(5, WHOLE.mirror), OTHER),
                         expected={**WHOLE.expected, ("new.jpg", digest(99)): Expected("predicted", digest(99))}),
                 "I4", 5, id="a stale answer after an UPDATE"),
    pytest.param(replace(WHOLE, writes=(Write("INSERT", answer(5, offset=50)), Write("DELETE", answer(5, offset=50)),
                                        *WHOLE.writes)), "I4", 5, id="an older answer in the place of a newer"),
    pytest.param(replace(WHOLE, mirror=(*without(5, WHOLE.mirror), replace(row(5), image_path="old.jpg"))), "I4", 5,
                 id="a stale mirror"),
    pytest.param(replace(WHOLE, captured={**WHOLE.captured, (1, 0, 77): False}), "I5", None, id="unanswered record"),
    pytest.param(replace(WHOLE, dead=()), "I5", None, id="garbage that vanished"),
    pytest.param(replace(WHOLE, garbage=frozenset()), "I5", None, id="a dead letter that was no garbage"),
    pytest.param(replace(WHOLE, trouble=("a task is FAILED",)), "I6", None, id="not well"),
    pytest.param(replace(WHOLE, faults=()), "I7", None, id="a fault that did not fire"),
    pytest.param(replace(WHOLE, faults=(Fault("kill", 0, COUNT),)), "I7", None, id="nothing in flight"),
    pytest.param(replace(WHOLE, faults=(Fault("kill", 9, COUNT),)), "I7", None, id="all in flight"),
    pytest.param(replace(WHOLE, minimum=1000), "I7", None, id="too few rows"),
    pytest.param(replace(WHOLE, answers=tuple(replace(one, label="wood") for one in ANSWERS)), "I7", None,
                 id="one class only"),
    pytest.param(replace(WHOLE, expected=dict.fromkeys(WHOLE.expected, Expected("predicted", digest(1)))), "I7", 1,
                 id="one image for all"),
    pytest.param(replace(WHOLE, leaks=("a password in a log",)), "I8", None, id="a secret"),
])
def test_damage_is_found_and_named(history: History, invariant: str, about: int | None) -> None:
    found = check(history)
    assert (invariant, about) in {(violation.invariant, violation.source_id) for violation in found}, found


def test_damage_to_one_row_is_not_told_of_another() -> None:
    assert {violation.source_id for violation in check(with_answer(answer(3, label="brick")))} == {3}
    assert names(replace(WHOLE, answers=without(4, ANSWERS))) == {"I1"}
