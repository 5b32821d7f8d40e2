"""The command as it is typed: help, usage, exit codes, where words go. No stack runs here."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cargostream.cli import app

COMMANDS = [
    "up", "down", "status", "logs", "reset", "doctor", "demo", "story", "data", "data synthesize", "data import",
    "data corrupt", "data sheet", "data check", "produce", "worker", "monitor", "verify",
    "connectors", "connectors plan", "connectors apply", "connectors status", "connectors heal", "connectors delete",
    "connectors recapture",
    "model", "model train", "model register", "model list",
    "model show", "model promote", "model rollback", "model challenge", "model compare"]


@pytest.fixture
def cargostream(tmp_path):
    """Run a command in a home folder of its own that no stack runs in."""
    def run(*arguments, **variables):
        environment = {**os.environ, "CARGOSTREAM_HOME": str(tmp_path / "home"), "COLUMNS": "100", **variables}
        return subprocess.run([sys.executable, "-m", "cargostream", *arguments], env=environment, text=True,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)

    return run


def test_help_names_every_command_and_says_how_to_begin(cargostream):
    done = cargostream("--help")
    assert done.returncode == 0
    assert "cargostream demo" in done.stdout
    missing = {command.split()[0] for command in COMMANDS} - set(done.stdout.split())
    assert not missing


def test_the_version_is_one_line(cargostream):
    from cargostream import __version__

    done = cargostream("--version")
    assert (done.returncode, done.stdout) == (0, f"cargostream {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.stdout
    assert len(done.stdout) > 200


@pytest.mark.parametrize("arguments", [
    ("--nonsense",), ("nonsense",), ("status", "--nonsense"), ("demo", "--rows", "none"), ("demo", "--rows", "0"),
    ("demo", "--rate", "0"), ("produce", "--to", "nowhere"), ("produce", "--mix", "goood=1"),
    ("produce", "--rate", "-1"), ("produce", "--burst", "5", "--rate", "0"), ("produce", "--run", "a:b"),
    ("produce", "--to", "topic", "--late-labels", "1"), ("produce", "--images", "/nowhere/list.jsonl"), ("produce",)])
def test_what_is_typed_wrong_exits_2_and_says_so_on_stderr(cargostream, arguments):
    done = cargostream(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_exits_2_and_names_the_variable(cargostream):
    done = cargostream("status", CARGOSTREAM_KAFKA_PORT="none")
    assert done.returncode == 2
    assert "CARGOSTREAM_KAFKA_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_without_a_stack_exits_3_and_says_what_to_do(cargostream, tmp_path):
    done = cargostream("status")
    assert (done.returncode, done.stdout) == (3, "")
    assert "cargostream up" in done.stderr
    assert str(tmp_path / "home") in done.stderr


def test_status_for_scripts_is_json_also_without_a_stack(cargostream):
    done = cargostream("status", "--json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["healthy"], found["running"]) == (False, False)
    assert "cargostream up" in found["reasons"][0]


def test_rows_for_a_database_that_is_not_there_fail_with_one_sentence(cargostream, tmp_path):
    (tmp_path / "list.jsonl").write_text('{"image_path": "a.jpg", "target": 1}\n')
    done = cargostream("produce", "--rows", "1", "--images", str(tmp_path / "list.jsonl"), CARGOSTREAM_SOURCE_PORT="9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_records_for_a_broker_that_is_not_there_fail_with_one_sentence(cargostream, tmp_path):
    (tmp_path / "list.jsonl").write_text('{"image_path": "a.jpg", "target": 1}\n')
    done = cargostream("produce", "--rows", "1", "--to", "topic", "--images", str(tmp_path / "list.jsonl"),
                       CARGOSTREAM_KAFKA_PORT="9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "127.0.0.1:9" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_verifying_databases_that_are_not_there_fails_with_one_sentence(cargostream):
    done = cargostream("verify", CARGOSTREAM_SOURCE_PORT="9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "A database does not answer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_no_colour_where_none_is_wanted_and_none_off_a_terminal(cargostream):
    assert "\x1b" not in cargostream("--help").stdout
    assert "\x1b" not in cargostream("status", NO_COLOR="1", FORCE_COLOR="").stderr


def test_help_is_quick_because_rooms_are_imported_late(cargostream):
    done = cargostream("--help", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"mlflow", "torch", "faust", "onnxruntime", "sqlalchemy", "confluent_kafka", "PIL"}
