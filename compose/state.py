"""The home folder as the runner sees it: its version, whether a supervisor runs on it, stopping, removing."""

import fcntl
import json
import os
import shutil
import signal
import stat
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from cargostream.errors import CargostreamError
from compose.postgres import remove_place

VERSION = 1
KEPT = ("cache",)
OURS = ("data", "run", "logs", "secrets", "models", "images", "stack.env", "version")
STOP_SLACK = 10.0
"""Seconds that the supervisor gets beyond what its parts may take."""
PARTS_DEADLINE = 20.0
"""Seconds that parts have to end by themselves after their supervisor died: a database writes a checkpoint."""
CLOCKS = 2.0
"""Seconds by which the start of a process and the time of a file may seem to differ."""


def ensure_home(home: Path) -> None:
    """Make the home folder, or check that this version and this user can work with the one that is there.

    Raises:
        CargostreamError: it is of a newer version, another user's, open to everybody's writing, or cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_uid != os.geteuid():
            raise CargostreamError(
                f"{home} belongs to another user (id {home.stat().st_uid}): start as that user, or set "
                "CARGOSTREAM_HOME to a folder of your own.")
        if home.stat().st_mode & stat.S_IWOTH:
            raise CargostreamError(f"Anybody may write in {home}, and so put files in the place of yours: `chmod o-w` "
                                   "it, or set CARGOSTREAM_HOME to another folder.")
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
        (home / folder).mkdir(exist_ok=True)
        (home / folder).chmod(0o700)  # also where an older umask, or a copy, has left it open


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


def take_pid_file(home: Path) -> int:
    """Lock `run/supervisor.pid` for the life of this process and write the process id; returns the descriptor.

    Raises:
        CargostreamError: another supervisor runs on this home folder.
    """
    descriptor = os.open(home / "run" / "supervisor.pid", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CargostreamError(f"The stack in {home} is already running; `cargostream down` stops it.") from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def read_status(home: Path) -> dict[str, Any] | None:
    """What the running supervisor last wrote to `run/status.json`; None when none runs."""
    return _last_status(home) if running(home) else None


def _last_status(home: Path) -> dict[str, Any] | None:
    try:
        status: dict[str, Any] = json.loads((home / "run" / "status.json").read_text())
    except FileNotFoundError:
        return None
    return status


def stop(home: Path, hard: bool = False) -> bool:
    """Stop the supervisor and with it every part, and wait until all are gone; answers whether one was running.

    `hard` kills the parts at once. What takes longer than it may is killed too.
    """
    was = running(home)
    if was:
        _stop_supervisor(home, hard)
    _, alive = psutil.wait_procs(_orphans(home), 0 if hard else PARTS_DEADLINE)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, STOP_SLACK)
    return was


def _stop_supervisor(home: Path, hard: bool) -> None:
    file = home / "run" / "supervisor.pid"
    end = time.monotonic() + STOP_SLACK + (_last_status(home) or {}).get("stop_s", 0)
    signals = [signal.SIGTERM] * (2 if hard else 1)
    while running(home):
        pid = int(file.read_text().strip() or 0)  # 0: it is about to write it
        if time.monotonic() > end + STOP_SLACK:
            raise CargostreamError(f"The supervisor (process {pid or 'unknown'}) holds {file} and cannot be ended: see "
                                   f"which process has that file open, and end it.")
        with suppress(ProcessLookupError):
            if pid and time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            elif pid and signals:
                os.kill(pid, signals.pop())
        time.sleep(0.05)  # two signals at once would arrive as one


def _orphans(home: Path) -> list[psutil.Process]:
    """Parts that outlive their supervisor for a while, since it was killed.

    A process that began before the supervisor or after the status was written only has the number of a part.
    """
    status = _last_status(home)
    if status is None:
        return []
    first = datetime.fromisoformat(status["started_at"]).timestamp() - CLOCKS
    last = (home / "run" / "status.json").stat().st_mtime + CLOCKS
    found = []
    for pid in (part["pid"] for part in status["parts"].values() if part["pid"]):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if first <= process.create_time() <= last:
                found.append(process)
    return found


def remove(home: Path, with_cache: bool = False) -> None:
    """Remove all state, and the downloads too when asked; nothing in the folder that is not ours."""
    remove_place(home)
    for name in (*OURS, *(KEPT if with_cache else ())):
        path = home / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
