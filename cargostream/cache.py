"""Model artifacts on disk, each in a folder named by its digest, and a pointer to the last that was champion."""

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from cargostream.download import download
from cargostream.errors import ModelRefused, Unavailable
from cargostream.served import artifact_digest

KEPT = 5
"""Artifacts that stay for having been used last, beside the one to start with."""

_DIGEST = re.compile("[0-9a-f]{64}")

SPARED_S = 900.0
"""What was used in this time stays in any case: another process may serve it or be at downloading it."""


class Pointer(msgspec.Struct, frozen=True):
    """The last champion of a registered model."""

    name: str
    version: int
    digest: str


class Cache:
    """A folder that all worker processes of a machine share; everything in it appears, and goes, at once or not at
    all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Where the artifact of a digest is, if it is here.

        Raises:
            ModelRefused: this is no digest. It may come from a tag that anybody wrote, and would lead out of the cache.
        """
        if not _DIGEST.fullmatch(digest):
            raise ModelRefused(f"{digest[:80]!r} is no digest of a model.")
        return self._folder / digest

    def last_champion(self, name: str) -> Pointer | None:
        """What `remember` wrote last, if it was about the model `name` and the artifact is still there."""
        pointer = self._pointer()
        with suppress(ModelRefused):
            return pointer if pointer and pointer.name == name and self.path(pointer.digest).is_dir() else None
        return None

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

    def use(self, digest: str) -> None:
        """Say that an artifact is in use: at its opening, and more often than SPARED_S as long as it is open."""
        with suppress(OSError):
            os.utime(self.path(digest))

    def prune(self) -> None:
        """Remove what nobody has used for long, and what a download that was cut off has left. Whoever opens an
        artifact while it goes finds that it cannot be read, and fetches it again."""
        pointer = self._pointer()
        idle = sorted((used, path) for path in self._folder.iterdir()
                      if (used := _used(path)) and not (pointer and path.name == pointer.digest))
        hidden = [(used, path) for used, path in idle if path.name.startswith(".")]
        artifacts = [entry for entry in idle if entry not in hidden]
        for used, path in [*hidden, *artifacts[:-KEPT]]:
            if used < time.time() - SPARED_S:
                going = path if path.name.startswith(".") else path.with_name(f".gone-{path.name}-{os.getpid()}")
                with suppress(OSError):  # another process may have been first
                    path.rename(going)
                    shutil.rmtree(going)

    def _pointer(self) -> Pointer | None:
        try:
            return msgspec.json.decode((self._folder / "champion.json").read_bytes(), type=Pointer)
        except (OSError, msgspec.DecodeError):
            return None


def _used(folder: Path) -> float:
    """When an artifact was used last, as time.time() has it; 0 for what is no folder."""
    try:
        return folder.stat().st_mtime if folder.is_dir() else 0.0
    except FileNotFoundError:
        return 0.0
