"""Where weights come from: the registry's champion, a folder, a file, or ImageNet."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cargostream.download import download
from cargostream.errors import CargostreamError, ModelRefused, UsageError
from cargostream.records import CHAMPION
from cargostream.registry import ask_aliases, ask_version, open_registry
from cargostream.served import MANIFEST, MODEL, SERVING, artifact_digest, open_model, read_manifest
from cargostream.settings import Settings
from model_registry.network import GroundNet
from model_registry.weights import WEIGHTS, start_from, start_from_imagenet

IMAGENET = "imagenet"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a training goes on from. `path` is an artifact folder or a file of weights, None for ImageNet's; `words`
    are what the run's tags say; `version` is the registry's, if it is one of it."""

    words: str
    path: Path | None = None
    version: int | None = None

    @property
    def onnx(self) -> Path | None:
        """The model's graph, if there is one."""
        return self.path / MODEL if self.path and (self.path / MODEL).is_file() else None

    def digest(self) -> str | None:
        """SHA-256 of the weights in hex; None for ImageNet's, or if there are none."""
        file = self.path / WEIGHTS if self.path and self.path.is_dir() else self.path
        return hashlib.sha256(file.read_bytes()).hexdigest() if file and file.is_file() else None

    def start(self, network: GroundNet) -> None:
        """Give the network these weights. Raises CargostreamError if they cannot be had or do not fit."""
        if self.path is None:
            start_from_imagenet(network)
        else:
            start_from(network, self.path)

    def shape(self) -> tuple[float | None, int | None]:
        """Width and input size, as far as they are known."""
        if self.path is None or not (self.path / MANIFEST).is_file():
            return (1.0 if self.path is None else None), None
        manifest = read_manifest(self.path)
        return manifest.training.get("width"), manifest.input_size


def named_origin(words: str) -> Origin:
    """The origin that an option names: `imagenet`, or the path of an artifact folder or a .npz file.

    Raises:
        UsageError: there is nothing at that path.
    """
    if words == IMAGENET:
        return Origin(words)
    path = Path(words)
    if not path.exists():
        raise UsageError(f"There are no weights {words}; --weights takes champion, {IMAGENET}, none, an artifact "
                         f"folder or a .npz file.")
    return Origin(artifact_digest(path)[:12] if (path / MANIFEST).is_file() else path.name, path)


def champion(settings: Settings, folder: Path) -> Origin:
    """The champion's artifact, weights and all, downloaded into `folder`, which is made, and checked.

    Raises:
        CargostreamError: the registry has no champion.
        ModelRefused: what came is damaged.
        Unavailable: the registry cannot be reached, or the artifact does not come.
    """
    with open_registry(settings.tracking_uri) as registry:
        version = ask_aliases(registry, settings.model_name).get(CHAMPION)
        found = None if version is None else ask_version(registry, settings.model_name, version)
    if version is None or found is None:
        raise CargostreamError(f"The registry at {settings.tracking_uri} has no champion of {settings.model_name} to "
                               f"go on from; --weights names others, --weights none starts from nothing.")
    download(settings.tracking_uri, settings.model_name, version, folder, (*SERVING, WEIGHTS))
    open_model(folder, digest=found.digest)
    _check_weights(folder)
    return Origin(f"{settings.model_name} version {version}", folder, version)


def _check_weights(folder: Path) -> None:
    """Weights that are there are those that the manifest tells of; whether there are any is for the training to ask."""
    file = folder / WEIGHTS
    if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() != read_manifest(folder).files.get(WEIGHTS):
        raise ModelRefused(f"The model in {folder} is damaged: {WEIGHTS} is not the file that {MANIFEST} describes.")
