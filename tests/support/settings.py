"""Settings for tests that start only some of the parts."""

import secrets
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cargostream.settings import Settings, load_settings

ROLES = ("writer", "capture", "sink", "dashboard", "operator", "mlflow")


def settings_for(home: Path, admin_password: str, **changes: Any) -> Settings:
    """Settings with fresh passwords for every role."""
    passwords = {f"{role}_password": SecretStr(secrets.token_urlsafe(16)) for role in ROLES}
    return load_settings(home).model_copy(
        update=passwords | {"admin_password": SecretStr(admin_password)} | changes)
