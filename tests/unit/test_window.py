"""A partition is never acknowledged past a record that has no answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_worker.window import Receipt, Window


@settings(deadline=None)
@given(start=st.integers(0, 50), steps=st.lists(st.integers(1, 3), min_size=1, max_size=40), data=st.data())
def test_the_position_is_the_first_record_without_an_answer(start: int, steps: list[int], data: st.DataObject) -> None:
    """Offsets may leave holes (transaction markers), answers come in any order, some offsets arrive twice."""
    window = Window(start)
    offsets = [start + sum(steps[:n]) for n in range(len(steps))]
    unanswered: set[int] = set()
    arriving = list(offsets)
    while arriving or unanswered:
        if arriving and (not unanswered or data.draw(st.booleans())):
            offset = arriving.pop(0)
            if offset > window.due:
                assert window.receive(offset) is Receipt.GAP
                window.skip_to(offset)
            assert window.receive(offset) is Receipt.NEW
            assert window.receive(data.draw(st.integers(start, offset))) is Receipt.SEEN
            unanswered.add(offset)
        else:
            offset = data.draw(st.sampled_from(sorted(unanswered)))
            unanswered.discard(offset)
            window.answer(offset)
        received = offsets[:len(offsets) - len(arriving)]
        answered = [o for o in received if o < min(unanswered, default=offset + 10_000)]
        assert window.position == (max(answered) + 1 if answered else start)
        assert len(window) == len([o for o in received if o >= window.position])
    assert window.position == offsets[-1] + 1


@pytest.mark.parametrize("before", [0, 3])
def test_a_record_beyond_the_due_one_is_not_taken_in_until_the_gap_is_explained(before: int) -> None:
    """At the start of an assignment as in its midst."""
    window = Window(10 - before)
    for offset in range(10 - before, 10):
        assert window.receive(offset) is Receipt.NEW
        window.answer(offset)
    assert [window.receive(o) for o in (12, 13)] == [Receipt.GAP] * 2
    assert (window.position, window.due, len(window)) == (10, 10, 0)
    window.skip_to(12)
    assert [window.receive(o) for o in (11, 12, 13)] == [Receipt.SEEN, Receipt.NEW, Receipt.NEW]
    window.answer(13)
    assert window.position == 10
    window.answer(12)
    assert window.position == 14


@pytest.mark.parametrize("offset", [0, 4])
def test_what_lies_before_the_start_is_answered_already(offset: int) -> None:
    window = Window(5)
    assert window.receive(offset) is Receipt.SEEN
    assert window.position == 5
