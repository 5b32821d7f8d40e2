"""Aliases and tags of registered versions, written over MLflow's REST API: one request each, whole or not at all."""

from typing import Any

import httpx

from cargostream.addresses import without_password
from cargostream.errors import CargostreamError
from cargostream.registry import open_registry


def set_alias(uri: str, name: str, alias: str, version: int) -> None:
    """Let the alias point at the version, wherever it pointed before.

    Raises, as all functions here do:
        CargostreamError: the registry cannot be reached or refuses.
    """
    _tell(uri, "POST", "registered-models/alias", name=name, alias=alias, version=str(version))


def delete_alias(uri: str, name: str, alias: str) -> None:
    """Let the alias point nowhere."""
    _tell(uri, "DELETE", "registered-models/alias", name=name, alias=alias)


def set_tags(uri: str, name: str, version: int, tags: dict[str, str]) -> None:
    """Write tags of a version, over what they were."""
    for key, value in tags.items():
        _tell(uri, "POST", "model-versions/set-tag", name=name, version=str(version), key=key, value=value)


def delete_tags(uri: str, name: str, version: int, keys: list[str]) -> None:
    """Take tags off a version that has them."""
    for key in keys:
        _tell(uri, "DELETE", "model-versions/delete-tag", name=name, version=str(version), key=key)


def _tell(uri: str, method: str, path: str, **body: Any) -> None:
    try:
        with open_registry(uri) as registry:
            answer = registry.request(method, f"/api/2.0/mlflow/{path}", json=body)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        said = error.response.text[:300] if isinstance(error, httpx.HTTPStatusError) else str(error)
        raise CargostreamError(without_password(
            f"The model registry at {uri} did not carry out {method} {path}: {said}.")) from error
