"""Which versions of a model are registered."""

import msgspec

from cargostream.registry import ask, open_registry


class Version(msgspec.Struct, frozen=True):
    """A registered version: its number, the aliases that point at it, its tags."""

    version: int
    aliases: tuple[str, ...]
    tags: dict[str, str]


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
                                 {tag["key"]: tag["value"] for tag in entry.get("tags", [])})
                         for entry in found.get("model_versions", [])]
            page = found.get("next_page_token") or None
    return sorted(versions, key=lambda version: -version.version)
