"""The home folder as the runner sees it: its version, whether a supervisor runs on it, stopping, removing."""

import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from cargostream.errors import CargostreamError
from compose.postgres import remove_place

VERSION = 1
KEPT = ("cache",)
OURS = ("data", "run", "logs", "secrets", "models", "images", "stack.env", "version")
STOP_DEADLINE = 60.0


def ensure_home(home: Path) -> None:
    """Make the home folder, or check that this version and this user can work with the one that is there.

    Raises:
        CargostreamError: it is of a newer version, another user's, or cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_uid != os.geteuid():
            raise CargostreamError(
                f"{home} belongs to another user (id {home.stat().st_uid}): start as that user, or set "
                "CARGOSTREAM_HOME to a folder of your own.")
        file = home / "version"
        if not file.exists():
            file.write_text(f"{VERSION}\n")
    except OSError as error:
        raise CargostreamError(
            f"The home folder {home} cannot be used: {error.strerror}. Set CARGOSTREAM_HOME to another.") from error
    found = file.read_text().strip()
    if found != str(VERSION):
        raise CargostreamError(
            f"The state in {home} is of version {found}, this cargostream works with version {VERSION}. Use the newer "
            "cargostream that made it, or `cargostream reset` to start anew.")
    for folder in ("run", "logs", "data"):
        (home / folder).mkdir(exist_ok=True, mode=0o700)


def running(home: Path) -> bool:
    """Whether a supervisor runs on this home folder: it holds the lock on its pid file for as long as it lives."""
    try:
        descriptor = os.open(home / "run" / "supervisor.pid", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_status(home: Path) -> dict[str, Any] | None:
    """What the running supervisor last wrote to `run/status.json`; None when none runs."""
    if not running(home):
        return None
    try:
        status: dict[str, Any] = json.loads((home / "run" / "status.json").read_text())
    except FileNotFoundError:
        return None
    return status


def stop(home: Path, hard: bool = False) -> bool:
    """Stop the supervisor and with it every part; answers whether one was running.

    `hard` kills the parts at once. What does not end within 60 s is killed too.
    """
    if not running(home):
        return False
    pid = int((home / "run" / "supervisor.pid").read_text())
    end = time.monotonic() + STOP_DEADLINE
    try:
        os.kill(pid, signal.SIGTERM)
        if hard:
            time.sleep(0.05)  # two signals at once would arrive as one
            os.kill(pid, signal.SIGTERM)
        while running(home):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
    except ProcessLookupError:
        pass
    return True


def remove(home: Path, with_cache: bool = False) -> None:
    """Remove all state, and the downloads too when asked; nothing in the folder that is not ours."""
    remove_place(home)
    for name in (*OURS, *(KEPT if with_cache else ())):
        path = home / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
