"""A registered version is fetched and checked as serving does, before anything points at it."""

import re
from pathlib import Path
from typing import NamedTuple

from cargostream.cache import Cache
from cargostream.errors import ModelRefused
from cargostream.labels import CARGO_LABELS
from cargostream.served import MODEL, ServedModel, open_model
from cargostream.settings import Settings
from model_registry.mlflow_rest import Version


class Vetted(NamedTuple):
    """A version's model, and the size of its graph in megabytes."""

    model: ServedModel
    size_mb: float


def vet(settings: Settings, version: Version, scratch: Path) -> Vetted:
    """Download the version into `scratch` and open it.

    Never from the cache of the workers: what is vetted is what the registry gives to whoever asks next.

    Raises:
        ModelRefused: it would not be served, or answers with other classes than CARGO_LABELS.
        Unavailable: it does not come.
    """
    cache, named = Cache(scratch), f"{settings.model_name} version {version.version}"
    expected = version.tags.get("digest")
    try:
        digest = cache.fetch(settings.tracking_uri, settings.model_name, version.version)
        if expected not in (None, digest):
            raise ModelRefused(f"It has the digest {digest[:12]}, the registry says {str(expected)[:12]}.")
        model = open_model(cache.path(digest), version=version.version, digest=digest, labels=CARGO_LABELS)
    except ModelRefused as error:
        said = re.sub(rf" in {re.escape(str(scratch))}\S*", "", str(error))  # it is gone when somebody reads this
        raise ModelRefused(f"{named} must not serve. {said}") from error
    return Vetted(model, (cache.path(digest) / MODEL).stat().st_size / 1e6)
