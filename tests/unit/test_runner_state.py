"""The home folder: passwords, config files, versions, what is removed."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from cargostream.cli.stack import start_stack
from cargostream.errors import CargostreamError
from cargostream.settings import load_settings
from compose import doctor, state
from compose.kafka import connect
from compose.parts import Part, Service, Step, longest_stop
from compose.render import render, template
from compose.secrets import ROLES, ensure_secrets
from compose.services import services
from compose.state import take_pid_file


def test_passwords_are_made_once_and_private(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)
    settings = load_settings(tmp_path)
    passwords = {getattr(settings, f"{role}_password").get_secret_value() for role in ROLES}
    assert len(passwords) == len(ROLES)
    assert min(map(len, passwords)) >= 32

    ensure_secrets(tmp_path)
    assert {getattr(load_settings(tmp_path), f"{role}_password").get_secret_value() for role in ROLES} == passwords
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_connectors_get_the_password_that_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_secrets(tmp_path)
    monkeypatch.setenv("CARGOSTREAM_SINK_PASSWORD", " a\\b=é")
    settings = load_settings(tmp_path)
    connect(settings)
    file = tmp_path / "secrets" / "connect.properties"
    assert file.read_text().splitlines() == [
        f"capture.password={settings.capture_password.get_secret_value()}",
        r"sink.password=\u0020a\u005cb\u003d\u00e9"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_template_is_filled_or_refused(tmp_path: Path) -> None:
    file = render("postgres.conf", tmp_path, {"host": "h", "port": 1, "more": "wal_level = logical"})
    assert "port = 1\n" in file.read_text()
    with pytest.raises(KeyError):
        template("postgres.conf", {"host": "h"})


def test_no_password_is_on_a_command_line_or_in_a_config_file(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)
    settings = load_settings(tmp_path)
    try:
        listed = services(settings)
        passwords = [getattr(settings, f"{role}_password").get_secret_value() for role in ROLES]
        written = [file.read_text() for file in tmp_path.rglob("*") if file.is_file() and file.parent.name == "run"]
        assert len(written) >= 3
        for text in [*written, *(" ".join(service.argv) for service in listed)]:
            assert not any(password in text for password in passwords)
            assert "${" not in re.sub(r"\$\{file:", "", text)
        assert [one.name for one in listed] == [
            "source", "target", "kafka", "connect", "mlflow", "worker-0", "monitor", "verify"]
    finally:
        state.remove(tmp_path)


def test_a_server_of_another_registry_is_not_started(tmp_path: Path) -> None:
    settings = load_settings(tmp_path).model_copy(update={"mlflow_tracking_uri": "http://elsewhere"})
    try:
        assert "mlflow" not in [one.name for one in services(settings)]
    finally:
        state.remove(tmp_path)


def test_state_of_a_newer_version_is_refused_with_advice(tmp_path: Path) -> None:
    state.ensure_home(tmp_path)
    state.ensure_home(tmp_path)
    (tmp_path / "version").write_text("99\n")
    with pytest.raises(CargostreamError, match=r"version 99.*reset"):
        state.ensure_home(tmp_path)
    bad = [one for one in doctor.examine(load_settings(tmp_path)) if not one.ok]
    assert [one.subject for one in bad] == ["state"]


def test_a_disk_without_room_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor.require(load_settings(tmp_path))
    monkeypatch.setattr(doctor, "NEEDED_DISK", 10**18)
    with pytest.raises(CargostreamError, match=r"disk: .* GB free at .*CARGOSTREAM_HOME"):
        start_stack(load_settings(tmp_path), only=("nonsense",))
    assert not (tmp_path / "secrets").exists()
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(CargostreamError, match="platform"):
        doctor.require(load_settings(tmp_path))


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CargostreamError, match="CARGOSTREAM_HOME"):
        state.ensure_home(tmp_path / "file" / "home")


def test_removing_leaves_downloads_and_what_is_not_ours(tmp_path: Path) -> None:
    state.ensure_home(tmp_path)
    ensure_secrets(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "mine.txt").write_text("keep")
    state.remove(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cache", "mine.txt"]
    state.remove(tmp_path, with_cache=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.txt"]


def test_nothing_runs_in_a_new_home(tmp_path: Path) -> None:
    assert not state.running(tmp_path)
    assert state.read_status(tmp_path) is None
    assert state.stop(tmp_path) is False


def test_a_supervisor_that_cannot_be_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.ensure_home(tmp_path)
    monkeypatch.setattr(state, "STOP_SLACK", 0.1)
    descriptor = take_pid_file(tmp_path)
    os.truncate(descriptor, 0)  # as it is for a moment at every start
    with pytest.raises(CargostreamError, match="cannot be ended"):
        state.stop(tmp_path)
    os.close(descriptor)
    assert state.stop(tmp_path) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers live elsewhere")
def test_what_root_keeps_elsewhere_goes_too(tmp_path: Path) -> None:
    from compose.postgres import ensure_place

    place = ensure_place(tmp_path)
    assert place.uid
    assert ensure_place(tmp_path) == place
    state.remove(tmp_path)
    assert not place.data.exists()


def test_the_whole_chain_fits_into_the_stop(tmp_path: Path) -> None:
    def service(name: str, stop: float, *needs: str) -> Service:
        return Service(name, (), lambda: True, needs, stop_deadline=stop)

    chain: list[Part] = [service("kafka", 20), service("connect", 15, "kafka"),
                         Step("topics", lambda: None, ("kafka",)), service("worker", 32, "topics")]
    assert longest_stop(chain) == 52
    assert longest_stop([]) == 0
    try:
        deadlines = {one.name: one.stop_deadline for one in services(load_settings(tmp_path))}
    finally:
        state.remove(tmp_path)
    assert deadlines["worker-0"] >= 30


def test_a_home_that_anybody_may_write_in_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(CargostreamError, match="Anybody may write"):
        state.ensure_home(tmp_path)
    assert not list(tmp_path.iterdir())


def test_folders_that_were_left_open_are_closed(tmp_path: Path) -> None:
    for name in ("run", "logs", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)
    state.ensure_home(tmp_path)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("run", "logs", "data")} == {0o700}
