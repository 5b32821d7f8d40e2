"""Passwords of the environment reach the parts that work with them, and nobody else's processes."""

from pathlib import Path

import pytest

from cargostream.settings import Settings, load_settings
from compose.environment import of_another_user, of_this_user
from compose.services import mlflow, monitor, verify, worker


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in Settings.model_fields:
        if name.endswith("_password"):
            monkeypatch.setenv(f"CARGOSTREAM_{name.upper()}", f"canary-{name}")
    monkeypatch.setenv("PGPASSWORD", "canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("CARGOSTREAM_WINDOW", "32")
    return load_settings(tmp_path)


def test_another_user_sees_none_of_it(settings: Settings) -> None:
    seen = of_another_user()
    assert "PATH" in seen
    assert "canary" not in str(seen)


def test_a_part_sees_the_passwords_that_it_works_with(settings: Settings) -> None:
    seen = {part.name: of_this_user(part.secrets) for part in (worker(settings, 0), monitor(settings),
                                                                verify(settings), mlflow(settings))}
    assert all(each["CARGOSTREAM_WINDOW"] == "32" for each in seen.values())
    assert {name: {key for key in each if "PASSWORD" in key} for name, each in seen.items()} == {
        "worker-0": set(), "monitor": {"CARGOSTREAM_OPERATOR_PASSWORD"},
        "verify": {"CARGOSTREAM_OPERATOR_PASSWORD"}, "mlflow": set()}


def test_no_password_is_an_argument(settings: Settings) -> None:
    for part in (worker(settings, 0), monitor(settings), verify(settings), mlflow(settings)):
        assert "canary" not in " ".join(part.argv)
