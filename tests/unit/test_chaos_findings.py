"""What a crash test says of what it found."""

import msgspec
import pytest

from cargostream.cli.chaos import in_words
from cargostream.cli.crash import Findings

GOOD = Findings(kill="worker", killed=["worker-0"], rows=400, in_flight=200, recovery_s=9.5, predicted=380, rejected=20,
                repeated=3, lost=0, phantom=0, conflicting=0, wrong=0, repaired=0, left_over=0, seed=7, run="chaos-1")


def test_all_well() -> None:
    assert GOOD.sound
    assert "lost 0, phantom 0, conflicting 0, wrong 0, repaired 0\n380 predicted" in in_words(GOOD)


@pytest.mark.parametrize("count", ["lost", "phantom", "conflicting", "wrong", "repaired", "left_over"])
def test_one_row_that_is_not_right_is_unsound(count: str) -> None:
    assert not msgspec.structs.replace(GOOD, **{count: 1}).sound


def test_rows_that_the_verification_mended_are_told() -> None:
    words = in_words(msgspec.structs.replace(GOOD, repaired=2, left_over=None))
    assert "repaired 2\nThe verification found 2 rows" in words
    assert "without it" in words
