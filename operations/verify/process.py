"""The verification as a process: logs, signals, and the sign of life that its supervisor looks for."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event as Flag

from sqlalchemy import Engine

from cargostream.database import engine
from cargostream.events import report
from cargostream.replays import Replayer
from cargostream.settings import Settings
from operations.verify.once import Report, usable_slot, verify
from operations.verify.passage import Passage
from operations.verify.repairs import Repairs
from operations.verify.watch import Show, Watch


def watch(settings: Settings, repair: bool, show: Show) -> None:
    """Verify until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sign = sign_of_life(settings)
    sign.parent.mkdir(parents=True, exist_ok=True)
    with _databases(settings) as (source, target):
        repairs = Repairs(source, target, Replayer(settings.bootstrap)) if repair else None
        Watch(settings, source, target, repairs, lambda event: report(settings, event), stop, sign.touch, show).run()


def once(settings: Settings, repair: bool, progress: Callable[[int], None]) -> Report:
    """Verify everything now.

    Raises:
        DBAPIError, KafkaException: a part does not answer.
        Unavailable: rows are on their way and do not arrive.
    """
    with _databases(settings) as (source, target):
        passage = Passage(settings.bootstrap, partial(usable_slot, source), Flag().wait)
        repairs = Repairs(source, target, Replayer(settings.bootstrap)) if repair else None
        return verify(source, target, passage, repairs, progress)


@contextmanager
def _databases(settings: Settings) -> Iterator[tuple[Engine, Engine]]:
    source, target = engine(settings, "source", "operator"), engine(settings, "target", "operator")
    try:
        yield source, target
    finally:
        source.dispose()
        target.dispose()


def sign_of_life(settings: Settings) -> Path:
    """The file whose time is that of the last sign of life."""
    return settings.home / "run" / "verify"
