"""Rows that are written while faults happen, and what their answers must be."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
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

LOT = 50
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

    `rows` rows in all: a share `burst` of them as fast as the source takes them, `lot` a transaction; the rest at `rate`
    rows/s. A share `bad` of them must be rejected, each with a known code.
    """

    def __init__(self, pipeline: Pipeline, album: Album, seed: int, rows: int, rate: float, burst: float,
                 bad: float, lot: int = LOT) -> None:
        self.pipeline, self.album, self.total = pipeline, album, rows
        self.expected: dict[tuple[str, str | None], Expected] = {}
        self.acknowledged: set[int] = set()
        self.pictures: list[Picture] = []
        self._rng = np.random.default_rng([seed, 1])
        self._rate, self._burst, self._bad, self._lot = rate, burst, bad, lot
        self._key = f"faults-{seed}-{time.time_ns()}-{next(_numbers)}"
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="workload", daemon=True)

    def start(self) -> None:
        """Draw the images, then begin to write."""
        self._rows = self._draw(self.total)
        self._thread.start()

    def finish(self) -> None:
        """Wait until every row is written. Raises what kept the writer from it."""
        self._thread.join(PATIENCE_S + self.total / self._rate)
        assert not self._thread.is_alive(), "the rows were not written in time"
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def update(self, count: int) -> list[int]:
        """Give that many rows other images; their ids."""
        ids = self._some(count)
        with_new = list(zip(ids, self._good(count), strict=True))
        for _, picture in with_new:
            self.expect(picture.path, picture.sha256, Expected("predicted", picture.sha256))

        def update() -> None:
            with self.pipeline.source.begin() as connection:
                connection.execute(UPDATE, [{"id": i, "path": p.path, "sha256": p.sha256} for i, p in with_new])
        insistently(update)
        return ids

    def delete(self, count: int) -> list[int]:
        """Delete that many rows; their ids."""
        ids = self._some(count)

        def delete() -> None:
            with self.pipeline.source.begin() as connection:
                connection.execute(DELETE, {"ids": ids})
        insistently(delete)
        self.acknowledged -= set(ids)
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
        return ids

    def _run(self) -> None:
        try:
            quick = int(len(self._rows) * self._burst)
            for start in range(0, quick, self._lot):
                self.write(self._rows[start:min(start + self._lot, quick)])
            began, few = time.monotonic(), max(1, round(self._rate / 20))
            for number, start in enumerate(range(quick, len(self._rows), few)):
                if self._stop.wait(max(0.0, began + number * few / self._rate - time.monotonic())):
                    return
                self.write(self._rows[start:start + few])
        except BaseException as error:  # told by `finish`, in the thread that asks
            self._error = error

    def _draw(self, count: int) -> list[tuple[str, str | None]]:
        bad = list(bad_files(self.pipeline.settings.image_store).items())
        rows: list[tuple[str, str | None]] = []
        good = iter(self._good(count))
        for number in range(count):
            picture = next(good)
            row: tuple[str, str | None]
            if self._rng.random() < self._bad:
                path, code = bad[int(self._rng.integers(len(bad)))]
                row, expected = (path, None), Expected("rejected", error_code=code)
                if number % 10 == 0:
                    row, expected = ((picture.path, "0" * 64), Expected("rejected", error_code="checksum_mismatch"))
            else:
                # Half of the writers know the digest.
                row = (picture.path, picture.sha256 if number % 2 else None)
                expected = Expected("predicted", picture.sha256)
            self.expect(*row, expected)
            rows.append(row)
        return rows

    def _good(self, count: int) -> list[Picture]:
        taken = self.album.take(len(self.pictures), count)
        self.pictures += taken
        return taken

    def _some(self, count: int) -> list[int]:
        return [int(each) for each in self._rng.choice(sorted(self.acknowledged.copy()), count, replace=False)]


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
