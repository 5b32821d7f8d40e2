"""What is asked of MLflow without importing it, which would cost seconds and 200 MB: a few calls of its REST API."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from cargostream.errors import Unavailable

TIMEOUT_S = 10.0


class Version(msgspec.Struct, frozen=True):
    """A registered version: its number, the aliases that point at it, its tags."""

    version: int
    aliases: tuple[str, ...]
    tags: dict[str, str]


def champion_of(uri: str, name: str, alias: str) -> int | None:
    """The version of the registered model that has the alias; None if none has.

    Raises:
        Unavailable: the registry cannot be reached or does not answer as one.
    """
    found = _get(uri, "registered-models/alias", name=name, alias=alias)
    return int(found["model_version"]["version"]) if found else None


def versions_of(uri: str, name: str) -> list[Version]:
    """All versions of the registered model, the newest first; none if there is no such model.

    Raises:
        Unavailable: as for `champion_of`.
    """
    model = _get(uri, "registered-models/get", name=name)
    if model is None:
        return []
    aliases: dict[int, tuple[str, ...]] = {}
    for entry in model["registered_model"].get("aliases", []):
        aliases[int(entry["version"])] = (*aliases.get(int(entry["version"]), ()), entry["alias"])
    versions: list[Version] = []
    quoted = name.replace("'", "''")
    page: str | None = ""
    while page is not None:
        found = _get(uri, "model-versions/search", filter=f"name='{quoted}'", max_results="200", page_token=page) or {}
        versions += [Version(int(entry["version"]), aliases.get(int(entry["version"]), ()),
                             {tag["key"]: tag["value"] for tag in entry.get("tags", [])})
                     for entry in found.get("model_versions", [])]
        page = found.get("next_page_token") or None
    return sorted(versions, key=lambda version: -version.version)


def is_loopback(uri: str) -> bool:
    """Whether the registry runs on this machine, where a proxy named in the environment must stay out of it."""
    return urlsplit(uri).hostname in ("127.0.0.1", "localhost", "::1")


def _get(uri: str, path: str, **parameters: str) -> dict[str, Any] | None:
    """The answer as JSON; None where the registry says that there is no such thing."""
    try:
        answer = httpx.get(f"{uri}/api/2.0/mlflow/{path}", params=parameters, timeout=TIMEOUT_S,
                           trust_env=not is_loopback(uri))
        content = answer.json()
        # An alias that does not exist is INVALID_PARAMETER_VALUE to some versions of MLflow, not a 404.
        if answer.status_code in (400, 404) and "error_code" in content:
            return None
        answer.raise_for_status()
        return dict(content)
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise Unavailable(f"The model registry at {uri} does not answer as one: {type(error).__name__} {error}. "
                          f"`cargostream up` starts one; MLFLOW_TRACKING_URI names another.") from error
