"""What a story has to show, held against what it showed."""

from collections.abc import Sequence

import msgspec

from operations.run import RunReport
from operations.story.rows import Event, Share, StoryRow, accuracy, percentile_ms
from operations.story.tale import Tale


class Expectation(msgspec.Struct, frozen=True):
    """One figure of the report: what is wanted, in words, what was found, and whether that is enough."""

    what: str
    wanted: str
    found: str
    met: bool


def expectations(tale: Tale, rows: Sequence[StoryRow], events: Sequence[Event],
                 runs: Sequence[RunReport]) -> list[Expectation]:
    """Every figure that the story promises. A moment that never came counts as not met."""
    return [*_model(tale), *_drift(tale, rows, events), *_live(tale, rows, events), *_stream(tale, rows, runs)]


def _at_least(what: str, wanted: float, found: float | None, words: str, unit: str = "") -> Expectation:
    return Expectation(what, f"at least {words.format(wanted)}{unit}", _told(found, words, unit),
                       found is not None and found >= wanted)


def _at_most(what: str, wanted: float, found: float | None, words: str, unit: str = "") -> Expectation:
    return Expectation(what, f"at most {words.format(wanted)}{unit}", _told(found, words, unit),
                       found is not None and found <= wanted)


def _told(found: float | None, words: str, unit: str) -> str:
    return "never came" if found is None else words.format(found) + unit


def _model(tale: Tale) -> list[Expectation]:
    """On the evaluation sets, which no training saw."""
    try:
        before, after = ({day: tale.figures[side][day]["accuracy"] for day in ("monday", "tuesday")}
                         for side in ("before", "after"))
    except KeyError:
        return [Expectation("both models on the evaluation sets", "measured", "never came", False)]
    loss = before["monday"] - before["tuesday"]
    won = (after["tuesday"] - before["tuesday"]) / loss if loss > 0 else None
    return [
        _at_least("the first model on Monday's evaluation set", 0.93, before["monday"], "{:.3f}"),
        _at_least("what it loses on Tuesday's", 15, 100 * loss, "{:.1f}", " points"),
        _at_least("share of the loss that the second model wins back", 2 / 3, won, "{:.2f}"),
        _at_most("what the second model loses on Monday's", 2,
                 100 * (before["monday"] - after["monday"]), "{:.1f}", " points"),
    ]


def _drift(tale: Tale, rows: Sequence[StoryRow], events: Sequence[Event]) -> list[Expectation]:
    began, tripped = tale.at("tuesday"), tale.at("drift")
    seen = None
    if began is not None and tripped is not None:
        seen = sum(row.run.endswith("-tuesday") and row.stored_at <= tripped for row in rows)
    false = sum(event.kind == "drift" and event.at < (began or 0) for event in events)
    monday = sum(row.stored_at < (began or 0) for row in rows)
    return [
        # The alarm comes some seconds after its window is full; rows go on arriving meanwhile.
        Expectation("Tuesday's rows until the window that trips the alarm is full", "at most 100",
                    "never came" if tale.drift_rows is None else f"{tale.drift_rows} (alarm after {seen} rows)",
                    tale.drift_rows is not None and tale.drift_rows <= 100),
        Expectation("false alarms among Monday's rows", "none", f"{false} in {monday} rows", false == 0),
    ]


def _live(tale: Tale, rows: Sequence[StoryRow], events: Sequence[Event]) -> list[Expectation]:
    """The end of the tale, by the labels of the stream; its images are no evaluation set's."""
    swapped = tale.at("swapped")
    if swapped is None:
        return [Expectation("the stream's rows after the swap", "better on Tuesday", "never came", False)]
    parts = {"before": [row for row in rows if row.run.endswith("-tuesday") and row.stored_at < swapped],
             "after": [row for row in rows if row.run.endswith("-tuesday") and row.stored_at >= swapped],
             "monday": [row for row in rows if row.run.endswith("-monday")],
             "again": [row for row in rows if row.run.endswith("-again")]}
    before, after, monday, again = (accuracy(part) or Share(0.0, 0) for part in parts.values())
    alarms = sum(event.kind == "drift" and event.at > swapped for event in events)
    return [
        Expectation("Tuesday's rows of the stream, before and after the swap", "better by 10 points",
                    f"{before.words} and {after.words}", after.n > 0 and after.value >= before.value + 0.10),
        Expectation("Monday's rows of the stream, at first and again", "at most 5 points worse",
                    f"{monday.words} and {again.words}", again.n > 0 and again.value >= monday.value - 0.05),
        Expectation("drift alarms about the second model", "none", str(alarms), alarms == 0),
    ]


def _stream(tale: Tale, rows: Sequence[StoryRow], runs: Sequence[RunReport]) -> list[Expectation]:
    missing, phantom = sum(run.missing for run in runs), sum(run.phantom for run in runs)
    conflicts = sum(run.conflicts for run in runs)
    total = sum(run.rows for run in runs)
    learning = [row for row in rows
                if (tale.at("training") or 0) <= row.committed_at < (tale.at("trained") or 0)]
    return [
        _at_most("retraining, while rows flow", 6, tale.between("training", "trained", 60), "{:.1f}", " min"),
        _at_most("p99 from row to answer meanwhile", 500, percentile_ms(learning, 0.99), "{:.0f}", " ms"),
        _at_most("from the alias to the first row of the new version", 5, tale.between("promoted", "swapped"),
                 "{:.1f}", " s"),
        _at_most("what the swap adds to the slowest row beside it", 200, swap_delay(tale, rows), "{:.0f}", " ms"),
        Expectation("rows without an answer, answers without a row, answers in conflict", "none",
                    f"{missing}, {phantom}, {conflicts} of {total} rows", total > 0 and not (
                        missing or phantom or conflicts)),
        _at_most("the whole story", 15, tale.between("start", "end", 60), "{:.1f}", " min"),
    ]


def swap_delay(tale: Tale, rows: Sequence[StoryRow]) -> float | None:
    """The slowest row from the moved alias to a second after the first answer of the new version, less the median of
    the ten seconds before, in ms."""
    moved, first = tale.at("promoted"), tale.at("swapped")
    if moved is None or first is None:
        return None
    before = percentile_ms([row for row in rows if moved - 10 <= row.committed_at < moved], 0.5)
    slowest = max((row.latency_ms for row in rows if moved <= row.stored_at <= first + 1), default=None)
    return None if before is None or slowest is None else slowest - before
