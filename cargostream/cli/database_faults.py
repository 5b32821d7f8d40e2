"""What a database says, in a sentence for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from cargostream.errors import CargostreamError


@contextmanager
def database_faults() -> Iterator[None]:
    """Whatever a database cannot do inside is one clear error. To be entered where sqlalchemy is needed anyway."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        words = (str(error.orig).strip() or type(error).__name__).splitlines()[0]
        raise CargostreamError(f"A database does not do its part: {words}. See `cargostream status`.") from error
