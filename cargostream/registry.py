"""MLflow's REST API, asked without importing mlflow, which would cost seconds and 200 MB."""

from typing import Any, NamedTuple

import httpx

from cargostream.addresses import is_loopback, without_password
from cargostream.errors import Unavailable

TIMEOUT_S = 10.0


class Registered(NamedTuple):
    """A registered version. `digest` is what its tag of that name says the artifact's must be, if it has one."""

    version: int
    digest: str | None


def open_registry(uri: str, timeout_s: float = TIMEOUT_S) -> httpx.Client:
    """A client for the MLflow server at `uri`, to be closed after use. Nothing is asked yet."""
    try:
        return httpx.Client(base_url=uri, timeout=timeout_s, trust_env=not is_loopback(uri))
    except (httpx.InvalidURL, ValueError) as error:
        raise Unavailable(_words(uri, error)) from error


def ask(registry: httpx.Client, path: str, **parameters: str) -> dict[str, Any] | None:
    """The answer of `/api/2.0/mlflow/<path>`; None where the registry says that there is no such thing.

    Raises:
        Unavailable: the registry cannot be reached or does not answer as one.
    """
    try:
        answer = registry.get(f"/api/2.0/mlflow/{path}", params=parameters)
        content = answer.json()
        # An alias that does not exist is INVALID_PARAMETER_VALUE to some versions of MLflow, not a 404.
        if answer.status_code in (400, 404) and "error_code" in content:
            return None
        answer.raise_for_status()
        return dict(content)
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise Unavailable(_words(str(registry.base_url), error)) from error


def ask_aliases(registry: httpx.Client, name: str) -> dict[str, int]:
    """Which version of the registered model `name` each of its aliases names; none if there is no such model.

    Raises:
        Unavailable: as for `ask`.
    """
    content = ask(registry, "registered-models/get", name=name)
    try:
        aliases = content["registered_model"].get("aliases", []) if content else []
        return {alias["alias"]: int(alias["version"]) for alias in aliases}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(_words(str(registry.base_url), error)) from error


def ask_version(registry: httpx.Client, name: str, version: int) -> Registered | None:
    """A version of the registered model `name`; None if there is none of that number.

    Raises:
        Unavailable: as for `ask`.
    """
    content = ask(registry, "model-versions/get", name=name, version=str(version))
    if content is None:
        return None
    try:
        found = content["model_version"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        return Registered(int(found["version"]), tags.get("digest"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(_words(str(registry.base_url), error)) from error


def _words(uri: str, error: Exception) -> str:
    return without_password(
        f"The model registry at {uri.rstrip('/')} does not answer as one: {type(error).__name__} {error}. "
        "`cargostream up` starts one; MLFLOW_TRACKING_URI names another.")
