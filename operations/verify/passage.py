"""Waiting until all that is on its way has arrived: what differs then as it did before is no change in flight.

A change goes from the source's log through the slot to the source topic, from there to the mirror and, through the
worker, to the topic of predictions, and from there to the predictions. Where a stretch ends is read only after the one
before it was passed.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import (
    PARTITIONS,
    PREDICTIONS_TOPIC,
    REPLAY_GROUP,
    REPLAY_TOPIC,
    SINK_CONNECTOR,
    SOURCE_TOPIC,
    WORKER_GROUP,
)
from operations.lags import committed, connect, offsets
from operations.verify.slots import Slot, change

POLL_S = 1.0
SINK_GROUP = f"connect-{SINK_CONNECTOR}"
STRETCHES = (((SOURCE_TOPIC, WORKER_GROUP), (SOURCE_TOPIC, SINK_GROUP), (REPLAY_TOPIC, REPLAY_GROUP)),
             ((PREDICTIONS_TOPIC, SINK_GROUP),))
"""What lies behind the slot: topics, and who has to have read them."""

Ends = dict[tuple[str, int], int]


class Stopped(CargostreamError):
    """The wait was given up, because the process is to end."""


@dataclass(frozen=True)
class Passage:
    """The way that is waited for. `look` reads the slot, `pause` waits for some seconds and answers whether to stop;
    who does not move for `patience_s` is not waited for any longer."""

    bootstrap: str
    look: Callable[[], Slot]
    pause: Callable[[float], bool]
    patience_s: float = 60.0

    def wait(self) -> bool:
        """Wait until every change that is committed by now has gone the whole way; False if the slot became another
        meanwhile, so that changes may have been passed by.

        Raises:
            Unavailable: something does not move; the message says what.
            Stopped: `pause` said so.
            KafkaException, DBAPIError: the broker or the source does not answer.
        """
        began = self.look()
        slots = [began]

        def unread() -> int | None:
            now = self.look()
            slots.append(now)
            if now.lost:
                return -1
            if change(slots[-2], now):
                return None
            return None if (now.confirmed or 0) >= began.written else now.confirmed

        self._until(unread, "the reader of the source's replication slot")
        if any(change(before, now) for before, now in pairwise(slots)):
            return False
        for stretch in STRETCHES:
            ends = self._ends({topic for topic, _ in stretch})
            for topic, group in stretch:
                self._until(partial(self._left, topic, group, ends), f"the group {group} on {topic}")
        return True

    def _ends(self, topics: set[str]) -> Ends:
        """Where each partition ends now; one without a record that is still kept is left out."""
        admin = connect(self.bootstrap)
        partitions = [(topic, number) for topic in topics for number in range(PARTITIONS)]
        first = offsets(admin, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = offsets(admin, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {at: end for at, end in ends.items() if end > first[at]}

    def _left(self, topic: str, group: str, ends: Ends) -> int | None:
        """Records that the group has not acknowledged up to there; None when there are none."""
        wanted = {at: end for at, end in ends.items() if at[0] == topic}
        reached = committed(self.bootstrap, group, wanted) if wanted else {}
        return sum(max(0, end - max(0, reached[at])) for at, end in wanted.items()) or None

    def _until(self, ask: Callable[[], Hashable | None], what: str) -> None:
        last: Hashable | None = None
        since = time.monotonic()
        while (left := ask()) is not None:
            if left != last:
                last, since = left, time.monotonic()
            elif time.monotonic() - since > self.patience_s:
                raise Unavailable(f"Rows are on their way and do not arrive: {what} has not moved for "
                                  f"{self.patience_s:.0f} s. `cargostream status` tells why.")
            if self.pause(POLL_S):
                raise Stopped("The verification was stopped.")
