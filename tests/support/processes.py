"""What is left of a stack: processes that know its home folder."""

import time
from pathlib import Path

import psutil


def left_over(home: Path) -> list[str]:
    """Command lines of the processes that were started for a home folder and still run."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status", "pid"]):
        words = " ".join(process.info["cmdline"] or ())
        variables = process.info["environ"] or {}
        known = str(home) in words or variables.get("CARGOSTREAM_HOME") == str(home)
        if known and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"{process.info['pid']} {words[:200]}")
    return found


def wait_until_gone(home: Path, deadline_s: float) -> None:
    """Until no process of the home folder is left."""
    deadline = time.monotonic() + deadline_s
    while remaining := left_over(home):
        assert time.monotonic() < deadline, f"still running after {deadline_s} s: {remaining}"
        time.sleep(0.2)
