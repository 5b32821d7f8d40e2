"""`make audit` says what is known, and says so when nobody could be asked."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "requirements" / "audit.sh"
UNREACHABLE = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.osv.dev', port=443)"


@pytest.mark.parametrize(("says", "ends", "status", "words"), [
    ("No known vulnerabilities found", 0, 0, "No known vulnerabilities found"),
    ("Found 1 known vulnerability in 1 package", 1, 1, "Found 1 known vulnerability"),
    (f"Traceback\n{UNREACHABLE}", 1, 75, "nothing was audited"),
    ("requirement 'x' does not contain a hash", 1, 1, "does not contain a hash"),
])
def test_how_it_ends(tmp_path: Path, says: str, ends: int, status: int, words: str) -> None:
    """The tool itself is replaced: its advisories change, and cannot be had everywhere."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat <<\'END\'\n{says}\nEND\nexit {ends}\n')
    tool.chmod(0o755)
    done = subprocess.run(["sh", SCRIPT, tool], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status
    assert words in done.stdout + done.stderr
    asked = (tmp_path / "asked").read_text()
    assert "--require-hashes" in asked
    for lock in SCRIPT.parent.glob("*.txt"):
        assert f"-r requirements/{lock.name}" in asked
