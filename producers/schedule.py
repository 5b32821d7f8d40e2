"""When rows are due. The schedule is open-loop: it does not wait for the database, so that a slow one shows as
lateness and not as a rate that quietly went down."""

from collections.abc import Iterator
from heapq import merge
from itertools import count, repeat

from cargostream.errors import UsageError


def due_times(rate: float, burst: int = 0, every: float = 0.0) -> Iterator[float]:
    """Seconds after the start at which each row is due, without end, in order.

    `rate` is in rows/s, 0 being as fast as possible. `burst` rows more are due together every `every` seconds.

    Raises:
        UsageError: numbers that make no schedule.
    """
    if rate < 0 or burst < 0 or every < 0:
        raise UsageError("Rate, burst and the time between bursts cannot be negative.")
    if not burst:
        return (number / rate for number in count()) if rate else repeat(0.0)
    if not rate or not every:
        raise UsageError("Bursts come on top of a rate: give --rate, --burst and --every, all above 0.")
    return merge((number / rate for number in count()), (turn * every for turn in count(1) for _ in range(burst)))
