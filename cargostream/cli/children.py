"""Commands of our own that another command runs beside itself."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from cargostream.cli.output import err
from cargostream.errors import CargostreamError
from cargostream.settings import Settings

Child = subprocess.Popen[bytes]


def start(home: Path, log: str, *command: str, result: Path | None = None, nice: int = 0) -> Child:
    """A `cargostream` command that dies with this process and hears nothing of its Ctrl-C; it logs to its own file.

    Its standard output goes to the file `result`, if one is given, else into the log. `nice` is how much it steps back
    behind other processes.
    """
    import compose

    launch = Path(compose.__file__).with_name("launch.py")
    politely = [shutil.which("nice") or "/usr/bin/nice", "-n", str(nice)] if nice else []
    argv = [sys.executable, "-I", "-S", str(launch), str(int(signal.SIGTERM)), "-", str(os.getpid()), "--",
            *politely, sys.executable, "-m", "cargostream", *command]
    with (home / "logs" / f"{log}.log").open("ab") as file, (result or Path(os.devnull)).open("wb") as answers:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=answers if result else file, stderr=file,
                                 start_new_session=True)
    if nice:
        # Linux may share out the cores among sessions first, whatever the niceness of what runs in them.
        with suppress(OSError):
            Path(f"/proc/{child.pid}/autogroup").write_text(str(nice), encoding="ascii")
    return child


def expect(child: Child, home: Path, log: str) -> None:
    """Raises CargostreamError with the child's last words if it ended badly."""
    if child.returncode:
        raise CargostreamError(f"The {log} process failed: {last_words(home, log)} (see {home / 'logs' / log}.log)")


def last_words(home: Path, log: str) -> str:
    """The last line that a child logged."""
    lines = (home / "logs" / f"{log}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def end(child: Child, patience_s: float = 10) -> None:
    """Wait for a child that was told to end; kill it if it does not."""
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def clean_up(settings: Settings, processes: list[Child], ours: bool) -> None:
    """End children, and the stack if it is `ours`; a Ctrl-C meanwhile kills them."""
    from cargostream.cli.stack import stop_stack

    try:
        if ours:
            err.print("Stopping the stack; its data is kept. Ctrl-C skips the clean-up.")
        for child in processes:
            child.terminate()
        for child in processes:
            end(child)
        if ours:
            stop_stack(settings)
    except KeyboardInterrupt:
        for child in processes:
            child.kill()
        if ours:
            stop_stack(settings, hard=True)
        raise
