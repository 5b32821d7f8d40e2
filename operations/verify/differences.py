"""What is different about an id: a judgement on how it stands in source, mirror and predictions."""

from collections import Counter
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Engine

from operations.verify.ranges import fetch


class Kind(StrEnum):
    """The differences there are, each with its words."""

    NOT_MIRRORED = "not mirrored"
    MIRRORED_OTHERWISE = "mirrored otherwise"
    ONLY_MIRRORED = "left over in the mirror"
    NOT_ANSWERED = "without a prediction"
    ANSWERED_OTHERWISE = "with a prediction for another image"
    ONLY_ANSWERED = "left over among the predictions"


class Place(NamedTuple):
    """The record of the source topic that brought something; `attempt` is 0 but for answers that were given again."""

    epoch: int
    partition: int
    offset: int
    attempt: int = 0


class Difference(NamedTuple):
    """An id at which the tables do not go together, and how it stood there. `version` is the source row's (None: there
    is none), `row` brought the mirror's row, `answer` was answered; `barred`: an answer to the mirror's row would not
    stand, because of something newer. Two looks at an id that nobody touched are equal."""

    id: int
    kind: Kind
    version: str | None
    row: Place | None
    answer: Place | None
    barred: bool


def look(source: Engine, target: Engine, ids: Collection[int]) -> dict[int, Difference]:
    """Those of the ids that differ now, by id."""
    wanted = list(ids)
    rows = {row["id"]: row for row in fetch(source, "verify_source_rows", ids=wanted)}
    copies = {row["id"]: row for row in fetch(target, "verify_target_rows", ids=wanted)}
    found = (_difference(identity, rows.get(identity), copies.get(identity)) for identity in wanted)
    return {one.id: one for one in found if one is not None}


def count(differences: Iterable[Difference]) -> Counter[Kind]:
    return Counter(one.kind for one in differences)


def in_words(counts: Counter[Kind]) -> str:
    return ", ".join(f"{counts[kind]:,} {kind.value}" for kind in Kind if counts[kind])


def _difference(identity: int, row: Any, copy: Any) -> Difference | None:
    mirrored, answered = bool(copy and copy["mirrored"]), bool(copy and copy["answered"])
    kind = _kind(row, copy, mirrored, answered)
    if kind is None:
        return None
    return Difference(
        identity, kind, row["version"] if row else None,
        Place(copy["row_epoch"], copy["row_partition"], copy["row_offset"]) if mirrored else None,
        Place(copy["answer_epoch"], copy["answer_partition"], copy["answer_offset"], copy["attempt"])
        if answered else None, bool(copy and copy["barred"]))


def _kind(row: Any, copy: Any, mirrored: bool, answered: bool) -> Kind | None:
    if row is None:
        return Kind.ONLY_MIRRORED if mirrored else Kind.ONLY_ANSWERED if answered else None
    if not mirrored:
        return Kind.NOT_MIRRORED
    if row["digest"] != copy["digest"]:
        return Kind.MIRRORED_OTHERWISE
    if not answered:
        return Kind.NOT_ANSWERED
    return None if copy["agrees"] else Kind.ANSWERED_OTHERWISE
