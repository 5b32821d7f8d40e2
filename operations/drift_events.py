"""What is told when drift begins and ends, in a sentence each."""

from datetime import datetime

from cargostream.drift import Moved, Verdict
from cargostream.records import Event
from operations.windows import Window

TOLD = 3
"""Statistics that are named; the table has all."""


def begins(window: Window, verdict: Verdict) -> Event:
    """The alarm: what moved, how sure that is, and which known damage it looks like."""
    moved = sorted((one for one in verdict.statistics if one.moved), key=lambda one: one.p_value)
    more = f" and {len(moved) - TOLD} more" if len(moved) > TOLD else ""
    detail = (f"The last {window.rows} rows do not look like any that the model knows (p = {verdict.p_value:.1g}, "
              f"alarm below {verdict.threshold:.1g}): {', '.join(map(_words, moved[:TOLD]))}{more}. {_damage(window)}")
    return Event("drift", "alarm", f"version {window.model_version}", detail, window.to_at.isoformat())


def named(window: Window) -> Event:
    """What the drift looks like, once that can be told: the window that tripped the alarm may hold many rows of before
    it began."""
    detail = f"{_damage(window)} Rows are unlike any that the model knows since {window.drift_since:%Y-%m-%d %H:%M:%S}."
    return Event("drift_named", "warning", f"version {window.model_version}", detail, window.to_at.isoformat())


def ends(window: Window, since: datetime, quiet: int) -> Event:
    """The all-clear."""
    detail = (f"The last {quiet * window.rows} rows look like ones that the model knows; they did not since "
              f"{since:%Y-%m-%d %H:%M:%S}.")
    return Event("drift_over", "info", f"version {window.model_version}", detail, window.to_at.isoformat())


def _words(moved: Moved) -> str:
    return (f"{moved.statistic} {moved.reference_mean:.3g} → {moved.mean:.3g} "
            f"(distance {moved.distance:.2f}, p = {moved.p_value:.1g})")


def _damage(window: Window) -> str:
    if window.looks_like is None:
        return "It looks like no known damage."
    return f"It looks like {window.looks_like} ({window.sure:.0%} sure)."
