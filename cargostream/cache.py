"""Model artifacts on disk, each in a folder named by its digest, and a pointer to the last that was champion."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from cargostream.download import download
from cargostream.errors import Unavailable
from cargostream.served import artifact_digest


class Pointer(msgspec.Struct, frozen=True):
    """The last champion of a registered model."""

    name: str
    version: int
    digest: str


class Cache:
    """A folder that all worker processes of a machine share; everything in it appears at once or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        return self._folder / digest

    def last_champion(self, name: str) -> Pointer | None:
        """What `remember` wrote last, if it was about the model `name` and the artifact is still there."""
        try:
            pointer = msgspec.json.decode((self._folder / "champion.json").read_bytes(), type=Pointer)
        except (OSError, msgspec.DecodeError):
            return None
        return pointer if pointer.name == name and self.path(pointer.digest).is_dir() else None

    def remember(self, pointer: Pointer) -> None:
        """Make this version the one to start with when the registry is away."""
        part = self._folder / f".champion-{os.getpid()}"
        part.write_bytes(msgspec.json.encode(pointer))
        part.replace(self._folder / "champion.json")

    def fetch(self, uri: str, name: str, version: int) -> str:
        """Download a registered version; its digest. Blocks for seconds.

        Raises:
            ModelRefused: what was downloaded is no artifact.
            Unavailable: the download failed.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=".fetch-") as scratch:
                fetched = Path(scratch, "fetched")
                download(uri, name, version, fetched)
                digest = artifact_digest(fetched)
                # What is there under this digest was not good enough, or it would not have been fetched again.
                with suppress(FileNotFoundError):
                    self.path(digest).rename(Path(scratch, "damaged"))
                fetched.rename(self.path(digest))
                return digest
        except OSError as error:
            raise Unavailable(f"Model {name} version {version} cannot be kept in {self._folder}: {error}.") from error
