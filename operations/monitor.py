"""Holds each version's answers, window by window, against what it knows, and tells when drift begins and ends."""

import logging
from collections.abc import Callable
from threading import Event as Flag

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from cargostream.drift import Verdict, judge, level
from cargostream.errors import Unavailable
from cargostream.likeness import Likeness, looks_like
from cargostream.records import Event
from cargostream.settings import Settings
from operations.drift_events import begins, ends, named
from operations.references import Basis, References
from operations.windows import Answers, Due, Window, add_window, nobody_else, read_answers, read_due

EVERY_S = 2.0
IDLE_S = 5.0
IDLE_AFTER = 15
"""After so many looks at nothing new, the next ones come every IDLE_S."""

PAUSE_S = 0.1
"""Between windows that wait: when many rows come at once, the cores are for them."""

QUIET_WINDOWS = 3
"""So many windows in a row without drift end it."""

DEVIATIONS = 1.959963984540054
"""Of the error band of an estimate, on either side: 95 %."""

Tell = Callable[[Event], bool]
"""Sends an event; whether it was taken."""

log = logging.getLogger(__name__)


def watch(settings: Settings, target: Engine, tell: Tell, stop: Flag, looked: Callable[[], None]) -> None:
    """Test windows as they come about until `stop` is set; `looked` is called after each look that succeeded.

    A database that is away is waited for.
    """
    references = References(settings)
    idle, away = 0, False
    while not stop.is_set():
        tested = False
        try:
            tested = look(settings, target, references, tell)
            looked()
            if away:
                log.info("The target database answers again.")
            away = False
        except DBAPIError as error:
            if not away:
                log.warning("The target database does not answer: %s", str(error.orig).strip())
            away = True
        except Unavailable as error:
            log.warning("A window is tested again later: %s", error)
        idle = 0 if tested else idle + 1
        stop.wait(PAUSE_S if tested else EVERY_S if idle < IDLE_AFTER else IDLE_S)


def look(settings: Settings, target: Engine, references: References, tell: Tell) -> bool:
    """Test one window, if there is a whole one; whether there was.

    An event goes out before the window that it is about is written: after a crash in between it is told twice, but
    never not at all.

    Raises:
        DBAPIError: the database does not answer.
        Unavailable: an event was not taken; nothing is written.
    """
    with target.begin() as connection:
        if not nobody_else(connection):
            return False
        for due in read_due(connection, settings.drift_window, QUIET_WINDOWS - 1):
            try:
                basis = references.of(due.model_version)
            except Unavailable:
                continue  # its answers wait in the history
            return _test(settings, connection, due, basis, tell)
    return False


def _test(settings: Settings, connection: Connection, due: Due, basis: Basis, tell: Tell) -> bool:
    answers = read_answers(connection, due, settings.drift_window)
    if answers is None:
        return False
    threshold = level(settings.drift_window, settings.drift_false_alarm_rows)
    verdict = _verdict(answers, basis, threshold)
    likeness = None
    if verdict and verdict.drift and basis.signatures and np.isfinite(answers.statistics).all():
        likeness = looks_like(answers.statistics, basis.signatures)
    window = _window(due, answers, basis, threshold, verdict, likeness)
    if verdict and window.drift_since and not due.drift_since:
        _send(begins(window, verdict), tell)
    if due.drift_since and not due.named and window.looks_like:
        _send(named(window), tell)
    if due.drift_since and not window.drift_since:
        _send(ends(window, due.drift_since, QUIET_WINDOWS), tell)
    add_window(connection, window, verdict.statistics if verdict else ())
    return True


def _verdict(answers: Answers, basis: Basis, threshold: float) -> Verdict | None:
    if basis.known is None:
        return None
    verdict = judge(answers.table(basis.known.classes), basis.known, threshold)
    return verdict if verdict.statistics else None


def _window(due: Due, answers: Answers, basis: Basis, threshold: float, verdict: Verdict | None,
            likeness: Likeness | None) -> Window:
    drift = verdict is not None and verdict.drift
    since = due.drift_since
    if drift:
        since = since or answers.first[0]
    elif not due.drifted_lately:
        since = None
    mean, low, high = estimate(answers.confidence, basis.calibration_error or 0.0)
    return Window(
        due.model_version, due.number + 1, *answers.first, *answers.last, len(answers.confidence),
        p_value=verdict.p_value if verdict else None, threshold=threshold, against=verdict.against if verdict else None,
        drift=drift, drift_since=since, looks_like=likeness.kind if likeness else None,
        explained=likeness.explained if likeness else None, sure=likeness.sure if likeness else None,
        estimated_accuracy=mean, estimate_low=low, estimate_high=high, calibration_error=basis.calibration_error)


def estimate(confidence: npt.NDArray[np.float64], calibration_error: float) -> tuple[float, float, float]:
    """The accuracy that calibrated confidences promise, and its error band: (mean, low, high).

    The band is that of as many independent answers, each right with its confidence, widened by how far confidences
    were from the truth when that was measured.
    """
    mean = float(confidence.mean())
    band = DEVIATIONS * float(np.sqrt((confidence * (1 - confidence)).sum())) / len(confidence) + calibration_error
    return mean, max(0.0, mean - band), min(1.0, mean + band)


def _send(event: Event, tell: Tell) -> None:
    log.log(logging.ERROR if event.severity == "alarm" else logging.INFO, "%s: %s", event.kind, event.detail)
    if not tell(event):
        raise Unavailable("the broker does not take the event.")
