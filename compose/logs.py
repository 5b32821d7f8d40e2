"""The parts' logs: where they are, a line of the runner's own in them, and their limit."""

import logging
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cargostream.errors import CargostreamError
from cargostream.visible import visible

LOG_LIMIT = 20_000_000

log = logging.getLogger(__name__)
"""Goes to `logs/supervisor.log`, and never raises, also when the disk is full."""


def log_file(home: Path, name: str) -> Path:
    return home / "logs" / f"{name}.log"


def note(home: Path, name: str, error: Exception) -> None:
    """Write a failure into the log of a part that has no process of its own."""
    with suppress(OSError), log_file(home, name).open("a") as file:
        file.write(f"{datetime.now(UTC).isoformat()} {visible(in_words(error))}\n")


def cut_logs(home: Path) -> None:
    """Cut every log that is full. Services hold their log open for appending, so it is copied and cut, not renamed."""
    for file in (home / "logs").glob("*.log"):
        try:
            if file.stat().st_size > LOG_LIMIT:
                shutil.copyfile(file, file.with_suffix(".log.1"))
                os.truncate(file, 0)
        except OSError as error:
            log.warning("%s could not be cut: %s", file, error)


def in_words(error: Exception) -> str:
    return str(error) if isinstance(error, CargostreamError | OSError) else f"{type(error).__name__}: {error}"
