"""What the system refuses is one sentence: what, where, what to do. A traceback would mean a bug."""

import errno
import os
import sys
from pathlib import Path

import pytest

from cargostream.cli import in_words, main


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[object, str]:
    """Exit status and messages of a command, on one line."""
    monkeypatch.setattr(sys, "argv", ["cargostream", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, " ".join(capsys.readouterr().err.split())


def test_a_file_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").write_text("")
    monkeypatch.setenv("CARGOSTREAM_HOME", str(tmp_path))
    code, said = typed(monkeypatch, capsys, "down")
    assert code == 1
    assert "Not a directory" in said
    assert "supervisor.pid" in said
    assert "doctor" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir(mode=0o000)
    monkeypatch.setenv("CARGOSTREAM_HOME", str(tmp_path))
    code, said = typed(monkeypatch, capsys, "down")
    assert code == 1
    assert "Permission denied" in said
    assert "CARGOSTREAM_HOME" in said


def test_an_unsupported_platform_is_refused(monkeypatch: pytest.MonkeyPatch,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert typed(monkeypatch, capsys, "down") == (
        1, "error: cargostream does not run on freebsd14: use Linux or macOS.")


@pytest.mark.parametrize(("number", "advice"), [
    (errno.ENOSPC, "Free some space"), (errno.EACCES, "Start as the user"), (errno.EROFS, "writable"),
    (errno.EMFILE, "ulimit"), (errno.EIO, "doctor")])
def test_what_the_system_refused_comes_with_advice(number: int, advice: str) -> None:
    said = in_words(OSError(number, os.strerror(number), "/a/file"))
    assert said.startswith(f"{os.strerror(number)} (/a/file). ")
    assert advice in said


def test_a_full_disk_without_a_file_name_names_the_home_folder(tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOSTREAM_HOME", str(tmp_path))
    assert str(tmp_path) in in_words(OSError(errno.ENOSPC, "No space left on device"))
