"""What cases came to, one JSON file each, in a folder of the commit: runs in shards are resumed and merged by it."""

import json
import os
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from cargostream.settings import CLONE

DOCUMENTS = (":!docs", ":!*.md", ":!tests/faults/reports", ":!benchmarks/*.json", ":!benchmarks/*.png")
"""What changes nothing that is tested: a report that is written does not make what it is about untested."""


@cache
def commit() -> str:
    """The last commit that changed more than documents, in short; with `-dirty` where the working tree differs."""
    dirty = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *DOCUMENTS)
    return _git("log", "-1", "--format=%h", "--", ".", *DOCUMENTS) + ("-dirty" if dirty else "")


def root() -> Path:
    """Where results are kept; `FAULTS_RESULTS` names another place than .cargostream/faults."""
    return Path(os.environ.get("FAULTS_RESULTS") or CLONE / ".cargostream" / "faults")


def folder(of: str | None = None) -> Path:
    """The results of a commit."""
    return root() / (of or commit())


def read(of: str | None = None) -> dict[str, dict[str, Any]]:
    """The results of a commit by case."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder(of).glob("*.json"))}


def write(identity: str, result: dict[str, Any]) -> None:
    """Keep a case's result, in the place of an earlier one."""
    folder().mkdir(parents=True, exist_ok=True)
    part = folder() / f".{identity}"
    part.write_text(json.dumps(result, indent=2) + "\n")
    part.rename(folder() / f"{identity}.json")


def circumstances() -> str:
    """What was tested, when and on what, for reports; asked when a run begins, since commits may come meanwhile."""
    machine = describe()
    return (f"commit {commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine['cores']} cores of {machine['cpu']}, "
            f"{machine['memory_gib']} GiB")


def is_good(run: dict[str, Any], seed: int, rows: int) -> bool:
    """Whether a run need not be made again: it passed, with this seed, with as many rows."""
    return bool(run["passed"]) and run["seed"] == seed and run["rows"] >= rows


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=CLONE, text=True, capture_output=True, check=True).stdout.strip()
