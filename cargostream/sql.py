"""SQL lives in `.sql` files beside the code that runs it."""

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text


@cache
def read_sql(package: str, name: str) -> str:
    """The text of `<name>.sql` in `package`, for example ("operations.sql", "waiting")."""
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def load_sql(package: str, name: str) -> TextClause:
    """The statement in `<name>.sql`, with `:name` parameters."""
    return text(read_sql(package, name))
