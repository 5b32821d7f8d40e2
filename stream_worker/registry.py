"""Asks MLflow who is champion, over its REST API: importing mlflow costs seconds and 200 MB."""

from typing import NamedTuple

import aiohttp

from cargostream.errors import Unavailable
from cargostream.records import CHAMPION

TIMEOUT = aiohttp.ClientTimeout(total=5)


class Champion(NamedTuple):
    """A registered version. `digest` is what its tag of that name says the artifact's must be, if it has one."""

    version: int
    digest: str | None


async def ask_champion(session: aiohttp.ClientSession, uri: str, name: str) -> Champion | None:
    """The version of the registered model `name` that has the alias champion; None if none has.

    Raises:
        Unavailable: the registry cannot be reached or does not answer as one.
    """
    try:
        async with session.get(f"{uri}/api/2.0/mlflow/registered-models/alias",
                               params={"name": name, "alias": CHAMPION}, timeout=TIMEOUT) as response:
            content = await response.json(content_type=None)
            if response.status in (400, 404) and isinstance(content, dict) and "error_code" in content:
                return None
            response.raise_for_status()
        found = content["model_version"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        return Champion(int(found["version"]), tags.get("digest"))
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"The registry at {uri} does not answer: {type(error).__name__} {error}.") from error
