"""What a seat tells of what stands between its alias and service, and which rows a challenger gets."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cargostream.errors import Unavailable
from stream_worker.seat import Seat
from stream_worker.shadow import chosen


@dataclass
class Model:
    version: int
    digest: str = "0" * 64


def seat() -> Seat[Model]:
    return Seat(alias="champion", kind="model", open=lambda folder, version, digest: Model(version, digest))


def test_a_problem_is_told_once_and_shown_for_as_long_as_it_lasts() -> None:
    champion = seat()
    champion.give(Model(1))
    assert champion.hindered("refused", "version 2", "its digest is wrong")
    assert not champion.hindered("refused", "version 2", "its digest is wrong, still")
    assert champion.facts()["problem"] == "its digest is wrong, still"
    assert champion.current().version == 1
    champion.give(Model(3))
    facts = champion.facts()
    assert (facts["version"], facts["problem"], facts["counts"]) == (3, None, {"refused": 1})
    assert facts["last_problem"]["subject"] == "version 2"
    assert champion.hindered("refused", "version 2", "its digest is wrong"), "it came back"
    assert champion.counts == {"refused": 2}


def test_an_empty_seat_has_nobody_to_ask() -> None:
    with pytest.raises(Unavailable):
        seat().current()
    assert not seat().taken.is_set()
    assert seat().open(Path(), 4, "d").version == 4


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_a_share_of_rows_is_chosen_by_key_and_evenly(share: float) -> None:
    keys = [b'{"id":%d}' % number for number in range(2000)]
    picked = [chosen(key, share) for key in keys]
    assert picked == [chosen(key, share) for key in keys]
    assert sum(picked) == pytest.approx(2000 * share, abs=80)
    runs = [sum(picked[n:n + 100]) for n in range(0, 2000, 100)]
    assert max(runs) - min(runs) <= 30, "rows that follow one another are chosen together"
    assert not chosen(None, share)


def test_a_larger_share_holds_the_smaller_one() -> None:
    keys = [b'{"id":%d}' % number for number in range(500)]
    assert {key for key in keys if chosen(key, 0.2)} <= {key for key in keys if chosen(key, 0.5)}
