"""Passwords: made once, kept in `<home>/secrets`, readable by nobody else."""

import os
import re
import secrets
from pathlib import Path

from cargostream.settings import Settings

ROLES = ("admin", "writer", "capture", "sink", "dashboard", "operator", "mlflow")
FOR_CONNECT = ("capture", "sink")


def ensure_secrets(home: Path) -> None:
    """One file a password, as `cargostream.settings` reads them."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for role in ROLES:
        file = folder / f"cargostream_{role}_password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))


def write_for_connect(settings: Settings) -> None:
    """`connect.properties`: what connectors refer to as `${file:…:capture.password}`, wherever the password is from."""
    folder = settings.home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pairs = {role: getattr(settings, f"{role}_password").get_secret_value() for role in FOR_CONNECT}
    write_private(folder / "connect.properties",
                  "".join(f"{role}.password={_escaped(password)}\n" for role, password in pairs.items()))


def _escaped(text: str) -> str:
    """As java.util.Properties reads it back, whatever is in it."""
    def units(found: re.Match[str]) -> str:
        return re.sub("....", r"\\u\g<0>", found[0].encode("utf-16-be").hex())

    return re.sub(r"[^\w-]", units, text, flags=re.ASCII)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        target.write(text)
    temporary.rename(file)
