"""The references that models brought with them, found by version and made ready for windows of one size."""

import logging
import time
from typing import NamedTuple

from cargostream.cache import Cache
from cargostream.drift import Known, known
from cargostream.errors import ModelRefused, Unavailable
from cargostream.likeness import Signatures, signatures
from cargostream.reference import Reference
from cargostream.registry import ask_version, open_registry
from cargostream.served import Manifest, open_reference
from cargostream.settings import Settings

RETRY_S = 30.0

CALIBRATION_ERROR = "ece"
"""What a manifest's evaluation calls the expected calibration error; a day's name may stand before it."""

log = logging.getLogger(__name__)


class Basis(NamedTuple):
    """What a version's windows are held against. `known` is None if its artifact brings no reference, `signatures` if
    that knows no kinds of damage, `calibration_error` (the largest of those measured) if its manifest has none."""

    known: Known | None = None
    signatures: Signatures | None = None
    calibration_error: float | None = None


class References:
    """Reads each version's reference once; asks the registry only for versions that it has not met."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = Cache(settings.home / "models")
        self._met: dict[int, Basis] = {}
        self._again: dict[int, float] = {}

    def of(self, version: int) -> Basis:
        """What this version's windows are held against. Blocks for seconds if the artifact must be fetched.

        Raises:
            Unavailable: it cannot be had at the moment; it is tried again RETRY_S later, however often one asks.
        """
        if version in self._met:
            return self._met[version]
        first = version not in self._again
        if not first and time.monotonic() < self._again[version]:
            raise Unavailable(f"The reference of version {version} is out of reach.")
        try:
            basis = self._read(version)
        except Unavailable as error:
            self._again[version] = time.monotonic() + RETRY_S
            if first:
                log.warning("Answers of version %s wait, its reference is out of reach: %s", version, error)
            raise
        except ModelRefused as error:
            log.warning("Answers of version %s are not tested for drift: %s", version, error)
            basis = Basis()
        except Exception as error:  # an artifact can be wrong in more ways than are known; none may end the monitor
            log.warning("Answers of version %s are not tested for drift, its artifact cannot be used: %s %s", version,
                        type(error).__name__, error)
            basis = Basis()
        self._met[version] = basis
        return basis

    def _read(self, version: int) -> Basis:
        manifest, reference = self._open(version)
        errors = [value for name, value in manifest.evaluation.items()
                  if name == CALIBRATION_ERROR or name.endswith(f" {CALIBRATION_ERROR}")]
        worst = max(errors, default=None)
        if reference is None or not len(reference.day):
            log.warning("Answers of version %s are not tested for drift: the model brings no reference.", version)
            return Basis(calibration_error=worst)
        return Basis(known(reference, manifest.labels), signatures(reference, self._settings.drift_window), worst)

    def _open(self, version: int) -> tuple[Manifest, Reference | None]:
        """From the cache that the worker fills, if what is there is sound; else fetched."""
        name, uri = self._settings.model_name, self._settings.tracking_uri
        digest = self._digest(name, uri, version)
        if digest is not None and self._cache.path(digest).is_dir():
            try:
                return open_reference(self._cache.path(digest), digest)
            except ModelRefused as error:
                log.warning("What the cache has of version %s is fetched anew: %s", version, error)
        fetched = self._cache.fetch(uri, name, version)
        return open_reference(self._cache.path(fetched), digest)

    def _digest(self, name: str, uri: str, version: int) -> str | None:
        pointer = self._cache.last_champion(name)
        if pointer is not None and pointer.version == version:
            return pointer.digest
        with open_registry(uri) as registry:
            registered = ask_version(registry, name, version)
        if registered is None:
            raise ModelRefused(f"The registry has no version {version} of {name}.")
        return registered.digest
