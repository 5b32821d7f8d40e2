"""The monitor as a process: logs, signals, and the sign of life that its supervisor looks for."""

import logging
import signal
from pathlib import Path
from threading import Event as Flag

from cargostream.database import engine
from cargostream.events import report
from cargostream.settings import Settings
from operations.monitor import watch


def run(settings: Settings) -> None:
    """Watch until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for library in ("httpx", "sqlalchemy.engine"):
        logging.getLogger(library).setLevel(logging.WARNING)
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    target = engine(settings, "target", "operator")
    sign = sign_of_life(settings)
    sign.parent.mkdir(parents=True, exist_ok=True)
    try:
        watch(settings, target, lambda event: report(settings, event), stop, sign.touch)
    finally:
        target.dispose()


def sign_of_life(settings: Settings) -> Path:
    """The file whose time is that of the last look that succeeded."""
    return settings.home / "run" / "monitor"
