"""Passwords: made once, kept in `<home>/secrets`, readable by nobody else."""

import os
import secrets
from pathlib import Path

ROLES = ("admin", "writer", "capture", "sink", "dashboard", "operator", "mlflow")
FOR_CONNECT = ("capture", "sink")


def ensure_secrets(home: Path) -> None:
    """One file a password, as `cargostream.settings` reads them, and `connect.properties` with what connectors refer
    to as `${file:…:capture.password}`."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for role in ROLES:
        file = folder / f"cargostream_{role}_password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
    pairs = (f"{role}.password={(folder / f'cargostream_{role}_password').read_text()}\n" for role in FOR_CONNECT)
    write_private(folder / "connect.properties", "".join(pairs))


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        target.write(text)
    temporary.rename(file)
