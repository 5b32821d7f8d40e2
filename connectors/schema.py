"""Brings both databases up to the `.sql` files: delivery (the same on both servers) and the server's own folder.

The files of a server are applied in the order of their names across both folders, in one transaction. They are
idempotent, and skipped altogether while a digest of them says that the database has them.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, cast

from psycopg2.extensions import encrypt_password  # type: ignore[attr-defined]
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cargostream.database import Role, Server, engine
from cargostream.errors import CargostreamError
from cargostream.settings import Settings
from cargostream.sql import load_sql

MLFLOW_DATABASE = "mlflow"

ROLES: dict[Server, tuple[Role, ...]] = {
    "source": ("writer", "capture", "sink", "dashboard", "operator"),
    "target": ("sink", "dashboard", "operator", "mlflow"),
}
"""Roles that log in, by server."""


def sql_files(server: Server) -> list[tuple[str, str]]:
    """(name, text) of every file for a server, in the order in which they are applied."""
    folders = [files("connectors.sql").joinpath(name) for name in ("delivery", server)]
    found = [file for folder in folders for file in folder.iterdir() if file.name.endswith(".sql")]
    return [(file.name, file.read_text(encoding="utf-8")) for file in sorted(found, key=lambda file: file.name)]


def apply_schema(settings: Settings) -> None:
    """Databases, roles, passwords, tables and functions on both servers. Safe to run at every start and twice at once.

    Raises:
        CargostreamError: a server cannot be reached or refuses a file; the message names the server.
    """
    databases: dict[Server, list[str]] = {
        "source": [settings.source_database], "target": [settings.target_database, MLFLOW_DATABASE]}
    for server, names in databases.items():
        try:
            with _locked(settings, server) as maintenance:
                for name in names:
                    _create_database(maintenance, name)
                _apply_files(settings, server)
                _set_passwords(settings, server, maintenance)
        except DBAPIError as error:
            raise _failed(f"The {server} server's databases and roles could not be set up", error) from error


def _failed(what: str, error: DBAPIError) -> CargostreamError:
    reason = str(error.orig).strip().splitlines()[0]
    return CargostreamError(f"{what}: {reason}. `cargostream doctor` and the server's log tell more.")


@contextmanager
def _locked(settings: Settings, server: Server) -> Iterator[Connection]:
    """An autocommitting session of the superuser that holds the schema's lock for its whole length."""
    admin = engine(settings, server, "admin", "postgres")
    try:
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(load_sql("connectors.sql.setup", "lock"))
            yield connection
    finally:
        admin.dispose()


def _create_database(maintenance: Connection, name: str) -> None:
    statement = maintenance.execute(load_sql("connectors.sql.setup", "create_database"), {"name": name}).scalar()
    if statement:
        maintenance.exec_driver_sql(statement)


def _apply_files(settings: Settings, server: Server) -> None:
    wanted = sql_files(server)
    digest = hashlib.sha256(repr(wanted).encode()).hexdigest()
    admin = engine(settings, server, "admin")
    try:
        with admin.execution_options(no_parameters=True).begin() as connection:
            if connection.execute(load_sql("connectors.sql.setup", "is_versioned")).scalar() and \
                    connection.execute(load_sql("connectors.sql.setup", "version")).scalar() == digest:
                return
            for name, statements in wanted:
                try:
                    connection.exec_driver_sql(statements)
                except DBAPIError as error:
                    raise _failed(f"The file {name} could not be applied to the {server} database", error) from error
            connection.execute(load_sql("connectors.sql.setup", "set_version"), {"digest": digest})
    finally:
        admin.dispose()


def _set_passwords(settings: Settings, server: Server, maintenance: Connection) -> None:
    """Sends SCRAM verifiers, made here: no password reaches the server or its log."""
    driver = cast(Any, maintenance.connection.driver_connection)
    maintenance.execute(load_sql("connectors.sql.setup", "quiet"))
    for role in ROLES[server]:
        if password := getattr(settings, f"{role}_password").get_secret_value():
            name = f"cargostream_{role}"
            verifier = encrypt_password(password, name, scope=driver, algorithm="scram-sha-256")
            maintenance.execute(load_sql("connectors.sql.setup", "set_password"), {"role": name, "verifier": verifier})
