"""Which versions of a model are registered."""

import msgspec

from cargostream.errors import CargostreamError
from cargostream.registry import ask, open_registry


class Version(msgspec.Struct, frozen=True):
    """A registered version: its number, the aliases that point at it, its tags, the run that made it."""

    version: int
    aliases: tuple[str, ...]
    tags: dict[str, str]
    run_id: str = ""


def versions_of(uri: str, name: str) -> list[Version]:
    """All versions of the registered model, the newest first; none if there is no such model.

    Raises:
        Unavailable: the registry cannot be reached or does not answer as one.
    """
    versions: list[Version] = []
    aliases: dict[int, tuple[str, ...]] = {}
    quoted = name.replace("'", "''")
    page: str | None = ""
    with open_registry(uri) as registry:
        model = ask(registry, "registered-models/get", name=name)
        if model is None:
            return []
        for entry in model["registered_model"].get("aliases", []):
            aliases[int(entry["version"])] = (*aliases.get(int(entry["version"]), ()), entry["alias"])
        while page is not None:
            found = ask(registry, "model-versions/search", filter=f"name='{quoted}'", max_results="200",
                        page_token=page) or {}
            versions += [Version(int(entry["version"]), aliases.get(int(entry["version"]), ()),
                                 {tag["key"]: tag["value"] for tag in entry.get("tags", [])}, entry.get("run_id", ""))
                         for entry in found.get("model_versions", [])]
            page = found.get("next_page_token") or None
    return sorted(versions, key=lambda version: -version.version)


def find_version(versions: list[Version], name: str, word: str) -> Version:
    """The one of the registered model's `versions` that `word` means: a number or an alias.

    Raises:
        CargostreamError: there is none such.
    """
    for version in versions:
        if word == str(version.version) or word in version.aliases:
            return version
    if not versions:
        raise CargostreamError(f"The registry has no version of {name}; `cargostream model register FOLDER` adds one.")
    there = ", ".join(word for each in reversed(versions) for word in (str(each.version), *each.aliases))
    raise CargostreamError(f"{name} has no version or alias {word}; it has {there}.")


def alias_of(versions: list[Version], alias: str) -> Version | None:
    """The version that the alias points at, if it does."""
    return next((version for version in versions if alias in version.aliases), None)


def run_of(uri: str, version: Version) -> tuple[dict[str, str], dict[str, float]]:
    """Parameters and last metrics of the run that made the version; empty where the run is gone.

    Raises:
        Unavailable: the registry cannot be reached or does not answer as one.
    """
    with open_registry(uri) as registry:
        found = ask(registry, "runs/get", run_id=version.run_id) if version.run_id else None
    data = found["run"].get("data", {}) if found else {}
    return ({one["key"]: one["value"] for one in data.get("params", [])},
            {one["key"]: float(one["value"]) for one in data.get("metrics", [])})
