"""What others wrote cannot forge a line of a log, nor act on the terminal that shows it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.markup import escape
from rich.table import Table
from typer.testing import CliRunner

from cargostream.cli import app
from cargostream.cli.output import err, out
from cargostream.visible import visible
from compose.logs import log_file, note

NASTY = "a.jpg\n2026-01-01T00:00:00 info forged\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egpj\u2028\x85\ud800\0é 木"

TALK = """
import logging, sys
from stream_worker.logs import log, set_up
set_up(as_json=sys.argv[1] == "json")
nasty = eval(sys.stdin.read())
log.info("record", extra={"image_path": nasty, "reason": ValueError(nasty)})
log.warning(nasty)
try:
    raise ValueError(nasty)
except ValueError:
    logging.getLogger("aiokafka").exception("failed: %s", nasty)
"""


def test_what_can_be_seen_stays_as_it_is():
    assert visible("photos/é 木 (1).jpg") == "photos/é 木 (1).jpg"
    assert visible("a\tb\n", keep="\t") == "a\tb\\n"


def test_what_acts_is_shown_as_its_escape():
    shown = visible(NASTY)
    assert shown.isprintable()
    assert shown.startswith("a.jpg\\n2026-01-01T00:00:00 info forged\\r\\x1b[2J")
    assert shown.endswith("\\u202egpj\\u2028\\x85\\ud800\\x00é 木")


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_record_of_the_worker_is_one_line(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", TALK, form], input=repr(NASTY), capture_output=True, text=True,
                          check=True)
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert all(line.isprintable() for line in lines)
    assert all("forged" in line for line in lines)
    if form == "json":
        assert all(json.loads(line)["level"] in ("info", "warning", "error") for line in lines)
        assert json.loads(lines[0])["image_path"] == NASTY


def test_one_failure_of_a_step_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    note(tmp_path, "schema", ValueError(NASTY))
    assert len(log_file(tmp_path, "schema").read_text().splitlines()) == 1


def test_a_log_that_is_shown_does_not_act_on_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOSTREAM_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "source.log").write_text("ERROR\tvalue \x1b[2Jx\u202ey\n", encoding="utf-8")
    for words in (["logs"], ["logs", "source"]):
        shown = CliRunner().invoke(app, words).stdout
        assert "\x1b" not in shown
        assert "\\x1b[2Jx\\u202ey" in shown


def test_no_command_lets_it_act_on_the_terminal() -> None:
    for console in (out, err):
        with console.capture() as shown:
            console.print(f"[bold]reason[/] {escape(NASTY)}")
            console.print(NASTY, markup=False)
            table = Table("code")
            table.add_row(escape("[red]\x1b[31m"))
            console.print(table)
        assert "\x1b[2J" not in shown.get()
        assert "\x1b[31m" not in shown.get()
        assert "\u202e" not in shown.get()
        assert "\\u202egpj" in shown.get()
        assert "[red]\\x1b[31m" in shown.get()
