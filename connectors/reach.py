"""Whether a connector's database can be reached: asked of the database itself, since a trace often does not tell.

A sink that starts while its server is away complains of an unknown dialect, as it does for a wrong password.
"""

from sqlalchemy.exc import DBAPIError

from cargostream.database import Role, Server, engine
from cargostream.records import INGEST_CONNECTOR, SINK_CONNECTOR, SOURCE_CONNECTOR
from cargostream.settings import Settings

LOGINS: dict[str, tuple[Server, Role]] = {
    SOURCE_CONNECTOR: ("source", "capture"), SINK_CONNECTOR: ("target", "sink"), INGEST_CONNECTOR: ("source", "sink")}
PASSING = ("the database system is", "too many", "remaining connection slots", "terminating connection")
"""A server that turns a login away with such words will take it later."""


def reachable(settings: Settings, connector: str) -> bool:
    """False if the server is away, starting, stopping or full; True if it answers, be it with a lasting refusal."""
    server, role = LOGINS[connector]
    login = engine(settings, server, role)
    try:
        with login.connect():
            return True
    except DBAPIError as error:
        words = str(error.orig)
        return "FATAL:" in words and not any(phrase in words for phrase in PASSING)
    finally:
        login.dispose()
