"""Connections to the two Postgres servers, by role."""

from typing import Literal

from sqlalchemy import URL, Engine, create_engine

from cargostream.settings import Settings

Server = Literal["source", "target"]
Role = Literal["writer", "capture", "sink", "dashboard", "operator", "mlflow", "admin"]


def database_url(settings: Settings, server: Server, role: Role, database: str | None = None) -> URL:
    """The address of a database for a role (`admin`: the superuser `postgres`). It holds the password: never log it."""
    names = {"source": settings.source_database, "target": settings.target_database}
    ports = {"source": settings.source_port, "target": settings.target_port}
    return URL.create(
        "postgresql+psycopg2",
        username="postgres" if role == "admin" else f"cargostream_{role}",
        password=getattr(settings, f"{role}_password").get_secret_value(),
        host=settings.host, port=ports[server], database=database or names[server],
    )


def engine(settings: Settings, server: Server, role: Role, database: str | None = None) -> Engine:
    """A small engine whose statements cannot wait for ever: 5 s to connect, 30 s a statement, checked before use."""
    return create_engine(
        database_url(settings, server, role, database), pool_size=2, max_overflow=2, pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=30000", "application_name": "cargostream",
                      "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
    )
