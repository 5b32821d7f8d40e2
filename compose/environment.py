"""What a part sees of the environment that the runner was started in."""

import os
import re
from collections.abc import Collection

_PASSWORD = re.compile(r"CARGOSTREAM_\w+_PASSWORD|PGPASSWORD")
_HARMLESS = re.compile(r"PATH|LANG|LANGUAGE|LC_\w+|TZ|TZDIR")


def of_this_user(secrets: Collection[str] = ()) -> dict[str, str]:
    """For a part of the same user: everything but passwords, of which it sees those that it works with."""
    return {name: value for name, value in os.environ.items() if name in secrets or not _PASSWORD.fullmatch(name)}


def of_another_user() -> dict[str, str]:
    """For a part that runs as another user, who can read the environment of its processes: where programs are, and how
    times and words are written."""
    return {name: value for name, value in os.environ.items() if _HARMLESS.fullmatch(name)}
