"""The rows of a story, and what can be told from them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Engine

from cargostream.sql import load_sql


class StoryRow(msgspec.Struct, frozen=True):
    """A source row with its current answer. Times are in seconds since 1970; `run` is the producer's run it is of."""

    id: int
    run: str
    committed_at: float
    stored_at: float
    latency_ms: float
    status: str
    model_version: int | None
    confidence: float | None
    truth: int | None
    target: int | None
    correct: bool | None
    image_path: str | None


class Event(msgspec.Struct, frozen=True):
    """What a part reported, from `cargo_event`; `at` in seconds since 1970."""

    kind: str
    severity: str
    subject: str
    detail: str
    at: float


class Share(NamedTuple):
    """How many of `n` labelled rows were right, as a share."""

    value: float
    n: int

    @property
    def words(self) -> str:
        return f"{self.value:.1%} of {self.n:,}"


def read_rows(target: Engine, name: str, since_id: int, since: float = 0.0) -> list[StoryRow]:
    """The answered rows of the story `name`, with ids above `since_id`, stored after `since` (s since 1970)."""
    with target.connect() as connection:
        found = connection.execute(load_sql("operations.sql", "story_rows"),
                                   {"prefix": f"{name}-", "since": since_id, "stored_since": since})
        return [StoryRow(**row) for row in found.mappings()]


def read_events(target: Engine, since: float) -> list[Event]:
    """What was reported after `since` (s since 1970)."""
    with target.connect() as connection:
        found = connection.execute(load_sql("operations.sql", "story_events"), {"since": since})
        return [Event(**row) for row in found.mappings()]


def accuracy(rows: Iterable[StoryRow]) -> Share | None:
    """The share of right answers among the rows whose label is known; None if none is."""
    correct = [row.correct for row in rows if row.correct is not None]
    return Share(sum(correct) / len(correct), len(correct)) if correct else None


def percentile_ms(rows: Sequence[StoryRow], share: float) -> float | None:
    """The latency, in ms, that `share` (0..1) of the rows stay below."""
    return float(np.quantile([row.latency_ms for row in rows], share)) if rows else None


def running(rows: Sequence[StoryRow], window: int) -> tuple[list[float], list[float]]:
    """Accuracy of the last `window` labelled rows, at each of them: times and shares."""
    labelled = [row for row in rows if row.correct is not None]
    right = np.array([row.correct for row in labelled], float)
    if len(right) < window:
        return [], []
    shares = np.convolve(right, np.ones(window) / window, "valid")
    return [row.stored_at for row in labelled[window - 1:]], shares.tolist()


def read_windows(target: Engine, since: float) -> list[dict[str, Any]]:
    """The monitor's windows that ended after `since` (s since 1970), oldest first: to_at, p_value, threshold, drift."""
    with target.connect() as connection:
        return [dict(row) for row in connection.execute(
            load_sql("operations.sql", "story_windows"), {"since": since}).mappings()]


class Pairs(NamedTuple):
    """Labelled rows that two versions have answered, and how many of them each got right."""

    n: int
    first: int
    second: int


def both_answered(target: Engine, first: int, second: int) -> Pairs:
    """The labelled rows with a current answer by version `first` and one in shadow by `second`."""
    with target.connect() as connection:
        found = connection.execute(load_sql("operations.sql", "story_pairs"), {"first": first, "second": second})
        return Pairs(**found.mappings().one())
