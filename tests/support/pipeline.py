"""Rows put into a running stack, and what has become of them."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, text

from benchmarks.stack import Stack
from cargostream.database import engine
from cargostream.images import make_store
from tests.support.workers import picture


class Pipeline:
    """The two databases and the image store of a stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.settings = stack.settings
        self.source: Engine = engine(self.settings, "source", "writer")
        self.target: Engine = engine(self.settings, "target", "operator")
        make_store(self.settings.image_store)

    def draw(self, name: str, target: int, seed: int) -> tuple[str, str]:
        """Put an image into the store that no other seed gives; its path and digest."""
        content = picture(target, seed)
        file = Path(self.settings.image_store, "tests", name)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return f"tests/{name}", hashlib.sha256(content).hexdigest()

    def insert(self, rows: Sequence[tuple[str, str | None, int | None]]) -> list[int]:
        """Insert (image_path, sha256, target) rows in one transaction; their ids in the same order."""
        statement = text("INSERT INTO cargo (image_path, sha256, target) VALUES (:path, :sha256, :target) RETURNING id")
        with self.source.begin() as connection:
            return [connection.execute(statement, {"path": path, "sha256": sha256, "target": target}).scalar_one()
                    for path, sha256, target in rows]

    def change(self, statement: str, **parameters: Any) -> None:
        """Run a statement on the source."""
        with self.source.begin() as connection:
            connection.execute(text(statement), parameters)

    def ask(self, query: str, **parameters: Any) -> Sequence[Row[Any]]:
        """Rows of the target database."""
        with self.target.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def answers(self, ids: Sequence[int]) -> dict[int, Row[Any]]:
        """The current prediction of each id that has one."""
        found = self.ask("SELECT * FROM cargo_prediction WHERE source_id = ANY(:ids)", ids=list(ids))
        return {row.source_id: row for row in found}

    def await_answers(self, ids: Sequence[int], timeout_s: float = 90) -> dict[int, Row[Any]]:
        """Wait until every id has a current prediction."""
        self.wait(f"{len(ids)} predictions", lambda: len(self.answers(ids)) == len(ids), timeout_s)
        return self.answers(ids)

    def wait(self, what: str, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Wait for something, or fail with its name and what `status` says."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s:.0f} s: {what}\n{self.stack.status()}")
            time.sleep(0.1)
