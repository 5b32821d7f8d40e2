"""What these tests share: rows that stand in source, mirror and predictions as the pipeline leaves them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from cargostream.records import PREDICTIONS_TOPIC, SOURCE_TOPIC
from operations.verify.ranges import Span
from tests.support.answers import GOOD
from tests.support.databases import Databases


@dataclass
class Rows:
    """Rows of one test, with ids that no other has."""

    databases: Databases
    first: int
    last: int

    @property
    def span(self) -> Span:
        return Span(self.first - 1, self.last)

    @property
    def engines(self):
        return self.databases.engine("source", "operator"), self.databases.engine("target", "operator")

    def insert(self, count: int = 1, **columns: Any) -> list[int]:
        """Rows of the source, not captured yet."""
        ids = []
        for _ in range(count):
            self.last += 1
            row = {"path": f"{self.last}.jpg", "sha256": digest(self.last), "target": None} | columns
            self.databases.query("source", "INSERT INTO cargo (id, image_path, sha256, target) "
                                           "VALUES (:id, :path, :sha256, :target)", "writer", id=self.last, **row)
            ids.append(self.last)
        return ids

    def mirror(self, ids: list[int], **changes: Any) -> None:
        """Deliver the source's rows to the mirror, as they are now but for `changes`."""
        for identity in ids:
            (row,) = self.databases.query(
                "source", "SELECT id, image_path, target, sha256, ingest_key, "
                "to_char(\"timestamp\" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS \"timestamp\" "
                "FROM cargo WHERE id = :id", id=identity)
            record = {**row, "__op": "c", "__deleted": "false", "__source_ts_ms": 1795270854913, "__source_lsn": 1}
            self.databases.deliver("target", SOURCE_TOPIC, json.dumps(record | changes).encode())

    def answer(self, ids: list[int], **changes: Any) -> None:
        """Deliver an answer to the mirror's rows."""
        for identity in ids:
            (row,) = self.databases.query("target", "SELECT * FROM cargo WHERE id = :id", id=identity)
            record = {"source_id": identity, "source_epoch": 1, "source_partition": row["source_partition"],
                      "source_offset": row["source_offset"], "image_path": row["image_path"],
                      "image_sha256": row["sha256"]} | changes
            self.databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(
                msgspec.structs.replace(GOOD, **record)))

    def whole(self, count: int = 1) -> list[int]:
        """Rows that stand everywhere."""
        ids = self.insert(count)
        self.mirror(ids)
        self.answer(ids)
        return ids


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def rows(databases):
    """Ids begin far from those of other tests: sequences and counters there go up by one."""
    first = 1_000_000 * databases.next()
    return Rows(databases, first, first - 1)
