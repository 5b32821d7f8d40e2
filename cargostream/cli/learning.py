"""What `model train` and `model compare` need from other rooms and from the registry before they can learn."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cargostream.cli.data import ensure
from cargostream.cli.output import err
from cargostream.reference import STATISTICS
from cargostream.settings import Settings

if TYPE_CHECKING:
    from model_registry.known import Signatures
    from model_registry.load import Images
    from model_registry.origin import Origin


class Sets:
    """From a set's name to its images at a model's input size, each set drawn if it has to be, and read once."""

    def __init__(self, store: Path, size: int, skip: bool) -> None:
        self.store, self.size, self._skip = store, size, skip
        self._read: dict[tuple[str, int], Images] = {}

    def __call__(self, name: str, size: int | None = None) -> "Images":
        """Raises CargostreamError if the set or an image of it cannot be used; with `skip`, images are left out."""
        from model_registry.load import load_images

        size = size or self.size
        if (name, size) not in self._read:
            listing = self._listing(name)
            again = any(known == name for known, _ in self._read)
            self._read[name, size] = load_images(self.store, listing, size,
                                                 _told(name, again) if self._skip else None)
        return self._read[name, size]

    def digests(self, name: str) -> set[str]:
        """SHA-256 of each image of a set: of the files if it was read, else as its list has them; none of a set that
        the store lacks."""
        from model_registry.load import listed_digests

        for (known, _), images in self._read.items():
            if known == name:
                return set(images.digests.tolist())
        listing = self.store / f"{name}.jsonl"
        return listed_digests(listing) if listing.exists() else set()

    def list_digests(self) -> dict[str, str]:
        """SHA-256 of the list of each set that was read."""
        from model_registry.load import set_digest

        return {f"list {name}": set_digest(self.store / f"{name}.jsonl") for name, _ in self._read}

    def signatures(self, name: str | None) -> "Signatures":
        """How damage moves the statistics of the set's images; no kinds for no set."""
        from data_prepare.signatures import signatures_of

        if name is None:
            return [], np.zeros((0, 2 * len(STATISTICS)), np.float32)
        return signatures_of(self.store, self._listing(name), size=self.size, skip=self._skip)

    def _listing(self, name: str) -> Path:
        """The set's list; a set of somebody's own has to be there."""
        from data_prepare.sets import SETS

        listing = self.store / f"{name}.jsonl"
        return ensure(self.store, name) if name in SETS or not listing.exists() else listing


def clean_day(days: str, sets: list[str], reference: str | None) -> str | None:
    """The set whose images, with damage put in, tell what damage looks like; None if what is learnt is spoiled already.
    Live rows are held against the same day, as shifts counted from another one would mean nothing."""
    if sets:
        return reference or sets[0]
    return None if days == "tuesday" else "monday"


def origin_of(settings: Settings, weights: str, scratch: Path) -> "Origin | None":
    """What --weights names; None for none. A champion is downloaded into `scratch`."""
    from model_registry.origin import champion, named_origin

    if weights == "none":
        return None
    return champion(settings, scratch / "champion") if weights == "champion" else named_origin(weights)


def embedder_of(embedder: Path | None, origin: "Origin | None", settings: Settings, scratch: Path) -> Path:
    """The model that embeds: the given one, else the one that training starts from, else the champion."""
    from model_registry.origin import champion

    file = embedder or (origin and origin.onnx) or champion(settings, scratch / "embedder").onnx
    assert file is not None, "a champion that opened has a graph"  # noqa: S101
    return file


def embeddings_by(embedder: Path | None, origin: "Origin | None", settings: Settings, scratch: Path,
                  sets: Sets) -> Callable[[str], npt.NDArray[np.float32]]:
    """From a set's name to embeddings of its images, (n, E), by what `embedder_of` tells. Nothing is fetched or opened
    before it is asked for."""
    def embed(name: str) -> Any:
        from model_registry.embed import open_embedder

        model = open_embedder(embedder_of(embedder, origin, settings, scratch))
        return model.embed(sets(name, model.size).pixels)

    return embed


def _told(name: str, again: bool) -> Callable[[str], None]:
    return lambda reason: None if again else err.print(f"left out of {name}: {reason}", markup=False)
