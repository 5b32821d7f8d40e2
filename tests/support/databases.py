"""Both databases on one real server, and what a sink connector does to them."""

import itertools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from cargostream.database import Role, Server, engine
from cargostream.settings import Settings

INSERT = text("INSERT INTO inbox VALUES (:topic, :partition, :offset, :payload)")


@dataclass(frozen=True)
class Databases:
    """Engines by server and role, made when asked for; ids and offsets that no other test uses."""

    settings: Settings
    engines: dict[tuple[Server, Role], Engine]
    numbers: itertools.count  # type: ignore[type-arg]

    def engine(self, server: Server, role: Role) -> Engine:
        if (server, role) not in self.engines:
            self.engines[server, role] = engine(self.settings, server, role)
        return self.engines[server, role]

    def next(self) -> int:
        return next(self.numbers)

    def deliver(self, server: Server, topic: str, payload: bytes | None, offset: int | None = None,
                partition: int = 0) -> int:
        """Insert a record into the inbox as the sink role; its offset."""
        offset = self.next() if offset is None else offset
        with self.engine(server, "sink").begin() as connection:
            connection.execute(INSERT, {
                "topic": topic, "partition": partition, "offset": offset, "payload": payload})
        return offset

    def query(self, server: Server, statement: str, role: Role = "operator", **values: Any) -> list[Any]:
        with self.engine(server, role).begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result.mappings()) if result.returns_rows else []
