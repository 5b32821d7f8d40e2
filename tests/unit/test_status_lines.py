"""What `status` says of a snapshot, in words."""

import msgspec

from cargostream.cli.status import in_lines
from operations.rows import Count, Rows, Snapshot


def told(snapshot):
    rows = Rows(Count(50_000, True), Count(12_000, True), Count(8_000, True), compared=10_000, unmirrored=10_000,
                unanswered=10_000, oldest_s=None, snapshot=snapshot)
    found = {"healthy": True, "parts": {}, "connectors": [], "slots": [], "rows": msgspec.to_builtins(rows),
             "waiting": rows.waiting, "topics": None, "last_answer_age_s": 0.1, "workers": [], "refused": [],
             "events": []}
    return dict(in_lines(found))


def test_progress_of_rows_from_before_is_a_line():
    found = told(Snapshot(rows=50_000, mirrored=12_000, answered=8_000))
    assert found["snapshot"] == "initial snapshot: 12,000 of 50,000 rows mirrored, 8,000 answered"


def test_there_is_no_such_line_when_none_of_them_waits():
    assert "snapshot" not in told(None)
