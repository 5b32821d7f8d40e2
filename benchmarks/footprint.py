"""How fast the stack is up, and what it costs while nothing happens."""

import time
from datetime import datetime
from typing import Any

import psutil

from benchmarks.stack import Stack


def warm_start(stack: Stack) -> dict[str, float]:
    """Seconds from the command until rows flow and until all parts are ready, on data and downloads that are there."""
    stack.run("down")
    command = time.time()
    stack.run("up")
    status = stack.status()
    until_the_runner = datetime.fromisoformat(status["started_at"]).timestamp() - command
    return {name: until_the_runner + status[name] for name in ("flowing_s", "ready_s")}


def _processes(stack: Stack) -> list[psutil.Process]:
    supervisor = psutil.Process(stack.status()["pid"])
    return [supervisor, *supervisor.children(recursive=True)]


def _cpu(processes: list[psutil.Process]) -> float:
    return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


def _named(process: psutil.Process) -> str:
    """The program, or what Python runs: its first arguments, without paths."""
    if not process.name().startswith("python"):
        return str(process.name())
    return " ".join(process.cmdline()[1:4])


def idle(stack: Stack, settle_s: float = 60, seconds: float = 60) -> dict[str, Any]:
    """Memory (PSS, MB) by process and CPU (share of one core) over `seconds`, after `settle_s` without rows."""
    time.sleep(settle_s)
    processes = _processes(stack)
    before = _cpu(processes)
    time.sleep(seconds)
    spent = _cpu(processes) - before
    sizes: dict[str, float] = {}
    for process in processes:
        name = _named(process)
        sizes[name] = round(sizes.get(name, 0) + process.memory_full_info().pss / 1e6, 1)
    return {"pss_mb": round(sum(sizes.values())), "cpu_of_one_core": round(spent / seconds, 3),
            "pss_mb_by_process": sizes}
