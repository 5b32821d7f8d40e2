"""Ranges of ids compared between the two databases, at a cost that does not depend on how large the tables are."""

from typing import Any, NamedTuple

from sqlalchemy import Engine, RowMapping

from cargostream.sql import load_sql

FIRST = -(2**63)
LAST = 2**63 - 1
BLOCK = 256
"""Ids that share a digest. Only where two of these differ are rows looked at one by one."""


class Span(NamedTuple):
    """Ids above `after`, up to and with `upto`."""

    after: int
    upto: int


def fetch(engine: Engine, name: str, **values: Any) -> list[RowMapping]:
    """The rows of a statement in `operations/sql`."""
    with engine.begin() as connection:
        return list(connection.execute(load_sql("operations.sql", name), values).mappings())


def next_span(source: Engine, target: Engine, after: int, rows: int, until: int = LAST) -> Span:
    """The ids from `after` on, so that no table has more than `rows` of them; none above `until`."""
    asked = {"after": after, "rows": rows}
    found = (fetch(source, "verify_upto", **asked), fetch(target, "verify_upto", **asked),
             fetch(target, "verify_upto_answers", **asked))
    return Span(after, min([until, *(one["upto"] for (one,) in found if one["upto"] is not None)]))


def compare(source: Engine, target: Engine, span: Span) -> tuple[int, set[int]]:
    """How many rows the source has there, and the ids at which the three tables do not go together: by a fault, or
    because a change is on its way."""
    here, there = (_digests(engine, span) for engine in (source, target))
    unlike = [block for block in here.keys() | there.keys() if here.get(block) != there.get(block)]
    differing = set()
    if unlike:
        rows, copies = (_rows(engine, span, unlike) for engine in (source, target))
        differing = {identity for identity in rows.keys() | copies.keys() if rows.get(identity) != copies.get(identity)}
    unanswered = {row["id"] for row in fetch(target, "verify_unanswered", **span._asdict())}
    return sum(rows for rows, _ in here.values()), differing | unanswered


def _digests(engine: Engine, span: Span) -> dict[int, tuple[int, int]]:
    found = fetch(engine, "verify_digests", **span._asdict(), block=BLOCK)
    return {row["block"]: (row["rows"], row["digest"]) for row in found}


def _rows(engine: Engine, span: Span, blocks: list[int]) -> dict[int, int]:
    found = fetch(engine, "verify_block_rows", **span._asdict(), block=BLOCK, blocks=blocks)
    return {row["id"]: row["digest"] for row in found}
