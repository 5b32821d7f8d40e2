"""Puts right what differs, by ways that change nothing where something newer has come meanwhile."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from sqlalchemy import Engine, RowMapping

from cargostream.replays import Replayer, replay_record
from operations.verify.differences import Difference, Kind
from operations.verify.ranges import fetch

BATCH = 500
"""Rows written again in one transaction of the source."""

Mirrored = (Kind.NOT_MIRRORED, Kind.MIRRORED_OTHERWISE)
Answered = (Kind.NOT_ANSWERED, Kind.ANSWERED_OTHERWISE)


class Repairs:
    """Repairs with the rights of the operator in both databases."""

    def __init__(self, source: Engine, target: Engine, replayer: Replayer) -> None:
        self._source, self._target, self._replayer = source, target, replayer

    def repair(self, differences: Sequence[Difference], again: Collection[int] = ()) -> None:
        """Start the repair of each; it has an effect when the records have gone their way.

        What the mirror lacks is written again in the source. What only a prediction lacks is sent to the worker again,
        unless that answer would not stand, or the id is in `again`, because it did not help before: then the source's
        row too is written again, which brings it a new place in the order.

        Raises:
            DBAPIError: a database does not answer.
            Unavailable: the broker does not take the records.
        """
        anew = [one.id for one in differences
                if one.kind in Mirrored or (one.kind in Answered and (one.barred or one.id in again))]
        for ids in _batches(anew):
            fetch(self._source, "repeat_rows", ids=ids)
        known = set(anew)
        for ids in _batches([one.id for one in differences if one.kind in Answered and one.id not in known]):
            self.send(fetch(self._target, "verify_replays", ids=ids))
        for one in differences:
            if one.kind in (Kind.ONLY_MIRRORED, Kind.ONLY_ANSWERED):
                self._bury(one)

    def send(self, rows: Sequence[RowMapping]) -> None:
        """Have rows of the mirror answered again, by the attempt that each names; returns when the broker has them."""
        for row in rows:
            self._replayer.send(replay_record(dict(row), row["epoch"], row["partition"], row["offset"], row["attempt"]))
        if rows:
            self._replayer.flush()

    def _bury(self, left: Difference) -> None:
        if left.row:
            fetch(self._target, "bury_mirrored", id=left.id, epoch=left.row.epoch, partition=left.row.partition,
                  offset=left.row.offset)
        if left.answer:
            fetch(self._target, "bury_answered", id=left.id, **left.answer._asdict())


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, BATCH)):
        yield batch
