"""The judge of a case: a pure function from its history to the invariants that do not hold.

    I1 none lost        every committed row has an answer, and stands in the mirror
    I2 no phantom       nothing in the target without a row in the source
    I3 none doubled     one answer a row; all answers for one source record, attempt and version agree
    I4 none wrong       each answer is what the oracle or the fixture says, about the row's latest image; none went back
    I5 conservation     each source record is answered, needs no answer, or is a dead letter; dead letters are garbage
    I6 bounded          the pipeline is well and has nothing before it
    I7 not vacuous      all faults fired, with 20-80 % of the rows in flight; enough rows, all classes, unique images
    I8 clean            no secret anywhere
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from cargostream.labels import CARGO_LABELS
from tests.faults.history import Answer, History, Violation

CONFIDENCE = 1e-5


def check(history: History) -> list[Violation]:
    """Every invariant that does not hold; an empty list is the proof."""
    found: list[Violation] = []
    for judge in (_lost, _phantom, _doubled, _wrong, _backwards, _conserved, _bounded, _vacuous, _clean):
        found += judge(history)
    return found


def counts(history: History) -> dict[str, int]:
    """Figures for the report. Repeats in the topic are allowed."""
    answers = [one for one in history.sent if one.status != "deleted"]
    return {
        "rows": len(history.rows), "predicted": sum(one.status == "predicted" for one in history.answers),
        "rejected": sum(one.status == "rejected" for one in history.answers),
        "repeats": len(history.sent) - len({(*one.record, one.attempt) for one in history.sent}),
        "answers_sent": len(answers), "dead_letters": len(set(history.dead)), "faults": len(history.faults),
    }


def _lost(history: History) -> Iterator[Violation]:
    source, answered, mirrored = _ids(history.rows), _answered(history), _ids(history.mirror)
    for source_id in sorted(source - answered):
        yield Violation("I1", source_id, "the row has no answer")
    for source_id in sorted(source - mirrored):
        yield Violation("I1", source_id, "the row is not in the mirror")
    for source_id in sorted(history.acknowledged - source):
        yield Violation("I1", source_id, "the row was confirmed to its writer and is not in the source")
    if history.mended:
        yield Violation("I1", None, f"{history.mended} rows are right only because the verification repaired them")


def _phantom(history: History) -> Iterator[Violation]:
    source = _ids(history.rows)
    for source_id in sorted(_answered(history) - source):
        yield Violation("I2", source_id, "there is an answer and no row")
    for source_id in sorted(_ids(history.mirror) - source):
        yield Violation("I2", source_id, "there is a row in the mirror and none in the source")


def _doubled(history: History) -> Iterator[Violation]:
    for source_id, number in Counter(one.source_id for one in history.answers).items():
        if number > 1:
            yield Violation("I3", source_id, f"there are {number} answers")
    said: dict[tuple[int, ...], Answer] = {}
    for one in (*history.sent, *(write.answer for write in history.writes)):
        key = (one.source_id, *one.record, one.attempt, one.model_version or 0)
        first = said.setdefault(key, one)
        if not _agree(first, one):
            yield Violation("I3", one.source_id, f"two answers to one record differ: {first} and {one}")
    if history.conflicts:
        yield Violation("I3", None, f"the guard counted {history.conflicts} conflicts")


def _wrong(history: History) -> Iterator[Violation]:
    rows = {row.id: row for row in history.rows}
    for one in history.answers:
        if (row := rows.get(one.source_id)) is None:
            continue
        expected = history.expected.get((row.image_path, row.sha256))
        if expected is None:
            yield Violation("I4", row.id, f"nobody knows what {row.image_path!r} must be answered with")
        elif (one.status, one.error_code) != (expected.status, expected.error_code):
            yield Violation("I4", row.id, f"{one.status} {one.error_code or ''} where {expected.status} "
                                          f"{expected.error_code or ''} is right, for {row.image_path!r}")
        elif one.status == "predicted" and one.image_sha256 != expected.sha256:
            yield Violation("I4", row.id, f"the answer is about another image than {row.image_path!r}")
        elif one.status == "predicted" and (one.image_sha256, one.model_version) not in history.oracle:
            yield Violation("I4", row.id, f"no oracle knows version {one.model_version}")
        else:
            yield from _mislabelled(history, [one])
    yield from _mislabelled(history, (*history.sent, *(write.answer for write in history.writes)))
    mirror = {row.id: row for row in history.mirror}
    for source_id in sorted(rows.keys() & mirror.keys()):
        if rows[source_id] != mirror[source_id]:
            yield Violation("I4", source_id, "the mirror's row is not the source's")


def _mislabelled(history: History, answers: Iterable[Answer]) -> Iterator[Violation]:
    for one in answers:
        right = history.oracle.get((one.image_sha256 or "", one.model_version or 0))
        if one.status != "predicted" or right is None:
            continue
        if one.label != right[0] or abs((one.confidence or 0) - right[1]) > CONFIDENCE:
            yield Violation("I4", one.source_id, f"answered {one.label} {one.confidence}, the oracle says "
                                                 f"{right[0]} {right[1]:.6f} (version {one.model_version})")


def _backwards(history: History) -> Iterator[Violation]:
    """What an older record brought may not take the place of what a newer one did."""
    newest: dict[int, Answer] = {}
    for write in history.writes:
        if write.operation == "DELETE":
            continue
        one = write.answer
        if (before := newest.get(one.source_id)) is not None and one.order < before.order:
            yield Violation("I4", one.source_id, f"the answer to {one.order} took the place of that to {before.order}")
        newest[one.source_id] = one
    standing = {one.source_id: one for one in history.answers}
    for source_id, one in newest.items():
        if source_id in standing and standing[source_id].order < one.order:
            yield Violation("I4", source_id, f"what stands is older than what was written: {one.order}")
    brought: dict[int, tuple[int, int]] = {}
    for copy in history.copies:
        order = copy.record[0], copy.record[2]
        if copy.operation != "DELETE" and order < brought.setdefault(copy.row.id, order):
            yield Violation("I4", copy.row.id, f"the mirror went back from {brought[copy.row.id]} to {order}")
        brought[copy.row.id] = max(order, brought.get(copy.row.id, order))


def _conserved(history: History) -> Iterator[Violation]:
    answered = {one.record for one in history.sent}
    dead = set(history.dead)
    for record, needs_none in sorted(history.captured.items()):
        if record not in answered and record not in dead and not needs_none:
            yield Violation("I5", None, f"the source record {record} has neither answer nor dead letter")
    for record in sorted(history.garbage - dead):
        yield Violation("I5", None, f"the garbage at {record} is not among the dead letters")
    for record in sorted(dead - history.garbage):
        yield Violation("I5", None, f"the record {record} is a dead letter and was no garbage")
    for record in sorted(dead & answered):
        yield Violation("I5", None, f"the record {record} is both a dead letter and answered")


def _bounded(history: History) -> Iterator[Violation]:
    for reason in history.trouble:
        yield Violation("I6", None, reason)


def _vacuous(history: History) -> Iterator[Violation]:
    if len(history.faults) != history.planned:
        yield Violation("I7", None, f"{len(history.faults)} faults fired, {history.planned} were planned")
    for fault in history.faults:
        if not fault.low <= fault.share <= fault.high:
            yield Violation("I7", None, f"{fault.in_flight} of {fault.total} rows were in flight at {fault.name!r}: "
                                        f"not {fault.low:.0%} to {fault.high:.0%}")
    if len(history.rows) < history.minimum:
        yield Violation("I7", None, f"{len(history.rows)} rows, {history.minimum} are needed to show anything")
    if not history.planned:
        return
    labels = {one.label for one in history.answers if one.status == "predicted"}
    if missing := set(CARGO_LABELS) - labels:
        yield Violation("I7", None, f"no row is of class {', '.join(sorted(missing))}: a swap might not show")
    owners = defaultdict(set)
    for row in history.rows:
        expected = history.expected.get((row.image_path, row.sha256))
        if expected is not None and expected.sha256 is not None:
            owners[expected.sha256].add(row.id)
    for ids in owners.values():
        if len(ids) > 1:
            yield Violation("I7", min(ids), f"{len(ids)} rows share an image: a swap between them would not show")


def _clean(history: History) -> Iterator[Violation]:
    for leak in history.leaks:
        yield Violation("I8", None, leak)


def _agree(a: Answer, b: Answer) -> bool:
    same = (a.status, a.label, a.error_code, a.image_sha256) == (b.status, b.label, b.error_code, b.image_sha256)
    return same and abs((a.confidence or 0) - (b.confidence or 0)) <= CONFIDENCE


def _ids(rows: Iterable[object]) -> set[int]:
    return {row.id for row in rows}  # type: ignore[attr-defined]


def _answered(history: History) -> set[int]:
    return {one.source_id for one in history.answers}
