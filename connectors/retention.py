"""Keeps the history of predictions to as many days as the settings say."""

from cargostream.database import engine
from cargostream.settings import Settings
from cargostream.sql import load_sql


def forget_old_history(settings: Settings) -> int:
    """Drops answers that are older; how many. Current answers stay, whatever their age."""
    operator = engine(settings, "target", "operator")
    try:
        with operator.begin() as connection:
            statement = load_sql("connectors.sql.setup", "forget_history")
            return int(connection.execute(statement, {"days": settings.history_days}).scalar_one())
    finally:
        operator.dispose()
