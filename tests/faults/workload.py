"""Rows that are written while faults happen, and what their answers must be."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.faults.history import Expected
from tests.faults.images import Album, Picture, bad_files
from tests.support.pipeline import Pipeline

T = TypeVar("T")

PATIENCE_S = 300.0
"""How long a writer tries to reach a source that is away."""

LOT = 1000

LOAD, UPDATES = 1_000_000, 1_000_000_000
"""Load number n begins with the image n * LOAD; what its rows are given later begins with n * LOAD + UPDATES."""

CHANGED, DELETED = 0.05, 0.02
"""Of the rows that are written at a rate, so many as get another image, and are deleted, while that goes on."""

RECENT = 5000
"""Rows that are changed or deleted are taken from the last ones: many of these are still on their way."""

_numbers = itertools.count()

# A row whose commit was cut off may be there or not: its key tells, and writing it again changes nothing.
INSERT = text("INSERT INTO cargo (image_path, sha256, ingest_key) SELECT * FROM unnest("
              "CAST(:paths AS text[]), CAST(:digests AS text[]), CAST(:keys AS text[])) ON CONFLICT DO NOTHING")
IDS = text("SELECT id FROM cargo WHERE ingest_key = ANY(:keys)")
UPDATE = text("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id")
DELETE = text("DELETE FROM cargo WHERE id = ANY(:ids)")


class Workload:
    """Writes rows, good and bad, in a thread of its own; remembers what the source confirmed and what each row's
    answer must be. The same seed gives the same rows.

    `rows` rows in all: a share `burst` of them as fast as the source takes them, `lot` a transaction; the rest at
    `rate` rows/s, and meanwhile some of the rows that are there get another image or are deleted, unless they are to be
    `steady`. A share `bad` of them must be rejected, each with a known code. `number` tells loads of one case apart, so
    that they share no image.
    """

    def __init__(self, pipeline: Pipeline, album: Album, seed: int, rows: int, rate: float, burst: float,
                 bad: float, lot: int = LOT, number: int = 0, steady: bool = False) -> None:
        self.pipeline, self.album, self.total = pipeline, album, rows
        self.expected: dict[tuple[str, str | None], Expected] = {}
        self.acknowledged: set[int] = set()
        self.pictures: list[Picture] = []
        self.deleted = 0
        self._seed, self._images = seed, number * LOAD
        self._choice, self._chance = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 3])
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._updates = itertools.count(UPDATES + number * LOAD)
        self._rate, self._burst, self._bad, self._lot, self._steady = rate, burst, bad, lot, steady
        self._key = f"faults-{seed}-{time.time_ns()}-{next(_numbers)}"
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="workload", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        quick = int(self.total * self._burst)
        self._rows = self._draw()
        self._first = list(itertools.islice(self._rows, quick))  # drawn before anything is timed
        self._thread.start()

    def finish(self) -> None:
        """Wait until every row is written. Raises what kept the writer from it."""
        self._thread.join(PATIENCE_S + self.total / self._rate)
        assert not self._thread.is_alive(), "the rows were not written in time"
        if self._error is not None:
            raise self._error

    def written(self) -> bool:
        """Whether every row is written, or none will be any more."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def update(self, count: int, by: np.random.Generator | None = None) -> list[int]:
        """Give that many rows other images; their ids. `by` chooses them, in a thread other than the case's."""
        changes = []
        for source_id in self._some(count, self._choice if by is None else by):
            (picture,) = self.album.take(next(self._updates), 1)
            self.pictures.append(picture)
            self.expect(picture.path, picture.sha256, Expected("predicted", picture.sha256))
            changes.append({"id": source_id, "path": picture.path, "sha256": picture.sha256})

        def update() -> None:
            with self.pipeline.source.begin() as connection:
                connection.execute(UPDATE, changes)
        insistently(update)
        return [int(change["id"]) for change in changes]

    def delete(self, count: int, by: np.random.Generator | None = None) -> list[int]:
        """Delete that many rows; their ids."""
        ids = self._some(count, self._choice if by is None else by)

        def delete() -> None:
            with self.pipeline.source.begin() as connection:
                connection.execute(DELETE, {"ids": ids})
        insistently(delete)
        self.acknowledged -= set(ids)
        self.deleted += len(ids)
        return ids

    def expect(self, path: str, sha256: str | None, expected: Expected) -> None:
        """What the answer to rows of this path and digest must be."""
        self.expected[path, sha256] = expected

    def write(self, rows: Sequence[tuple[str, str | None]]) -> list[int]:
        """Insert (image_path, sha256) rows in one transaction, at once; their ids in no order."""
        keys = [f"{self._key}-{next(_numbers)}" for _ in rows]
        paths, digests = [path for path, _ in rows], [digest for _, digest in rows]

        def insert() -> list[int]:
            with self.pipeline.source.begin() as connection:
                connection.execute(INSERT, {"paths": paths, "digests": digests, "keys": keys})
                return list(connection.execute(IDS, {"keys": keys}).scalars())
        ids = insistently(insert)
        self.acknowledged |= set(ids)
        self._recent.extend(ids)
        return ids

    def _run(self) -> None:
        try:
            for start in range(0, len(self._first), self._lot):
                self.write(self._first[start:start + self._lot])
            began, few = time.monotonic(), max(1, round(self._rate / 20))
            for number in itertools.count():
                if not (rows := list(itertools.islice(self._rows, few))):
                    return
                if self._stop.wait(max(0.0, began + number * few / self._rate - time.monotonic())):
                    return
                self.write(rows)
                if not self._steady:
                    self._change(len(rows))
        except BaseException as error:  # told by `finish`, in the thread that asks
            self._error = error

    def _change(self, rows: int) -> None:
        if changed := int(self._chance.binomial(rows, CHANGED)):
            self.update(changed, self._chance)
        if deleted := int(self._chance.binomial(rows, DELETED)):
            self.delete(deleted, self._chance)

    def _draw(self) -> Iterator[tuple[str, str | None]]:
        rng = np.random.default_rng([self._seed, 1])
        bad = list(bad_files(self.pipeline.settings.image_store).items())
        for number in range(self.total):
            (picture,) = self.album.take(self._images + number, 1)
            row: tuple[str, str | None]
            if rng.random() < self._bad:
                path, code = bad[int(rng.integers(len(bad)))]
                row, expected = (path, None), Expected("rejected", error_code=code)
                if number % 10 == 0:
                    row, expected = ((picture.path, "0" * 64), Expected("rejected", error_code="checksum_mismatch"))
            else:
                self.pictures.append(picture)
                # Half of the writers know the digest.
                row = (picture.path, picture.sha256 if number % 2 else None)
                expected = Expected("predicted", picture.sha256)
            self.expect(*row, expected)
            yield row

    def _some(self, count: int, by: np.random.Generator) -> list[int]:
        known = [each for each in self._recent.copy() if each in self.acknowledged]
        return [int(each) for each in by.choice(known, min(count, len(known)), replace=False)]


def insistently(do: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Do it, again and again while the database is away; it must not matter whether it was done before."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return do()
        except DBAPIError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
