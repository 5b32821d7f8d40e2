"""Settings: frozen, validated at start, every one documented."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from cargostream.errors import UsageError
from cargostream.settings import CLONE, Settings, load_settings


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("CARGOSTREAM_", "MLFLOW_TRACKING")):
            monkeypatch.delenv(name)


def test_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(ValidationError):
        settings.source_port = 1  # type: ignore[misc]


def test_environment_wins_over_what_the_runner_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack.env").write_text("CARGOSTREAM_KAFKA_PORT=20000\nCARGOSTREAM_CONNECT_PORT=20001\n")
    monkeypatch.setenv("CARGOSTREAM_KAFKA_PORT", "30000")
    settings = load_settings(tmp_path)
    assert (settings.kafka_port, settings.connect_port) == (30000, 20001)


def test_passwords_come_from_files_and_do_not_show(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "cargostream_sink_password").write_text("s3cret\n")
    settings = load_settings(tmp_path)
    assert settings.sink_password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), [
    ("CARGOSTREAM_SOURCE_PORT", "abc"), ("CARGOSTREAM_SOURCE_PORT", "70000"), ("CARGOSTREAM_WINDOW", "0"),
])
def test_nonsense_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} is set to '{value}'"):
        load_settings(tmp_path)


def test_a_misspelt_setting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGOSTREAM_WORKER_PROCESES", "2")
    with pytest.raises(UsageError, match="WORKER_PROCESES is not a setting; did you mean CARGOSTREAM_WORKER_PROCESSES"):
        load_settings(tmp_path)


def test_mlflow_is_found_by_its_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    assert load_settings(tmp_path).tracking_uri == "http://elsewhere:5000"


def test_every_setting_is_in_the_readme() -> None:
    readme = (CLONE / "README.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        variable = "MLFLOW_TRACKING_URI" if name == "mlflow_tracking_uri" else f"CARGOSTREAM_{name.upper()}"
        assert f"`{variable}`" in readme, f"{variable} is missing in README.md"
        assert field.description in readme, f"README.md says something else of {variable}"
