"""What a training starts from, and what the next one may go on from: a network's state as plain arrays, no pickles."""

import io
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch

from cargostream.arrays import BadArrays, read_arrays
from cargostream.errors import CargostreamError
from cargostream.served import first_line
from model_registry.network import GroundNet

WEIGHTS = "weights.npz"

TEMPERATURE = "temperature"


def write_weights(network: GroundNet) -> bytes:
    """The bytes of `weights.npz`: every parameter and buffer by its name."""
    file = io.BytesIO()
    np.savez_compressed(file, **{name: value.numpy() for name, value in network.state_dict().items()})
    return file.getvalue()


def start_from(network: GroundNet, path: Path) -> None:
    """Give the network the weights in `path`: a .npz file, or an artifact folder that has one. Its temperature is 1
    again, as it belongs to the training that ended.

    Raises:
        CargostreamError: there are none, or they are those of another network.
    """
    file = path / WEIGHTS if path.is_dir() else path
    try:
        state = {name: torch.from_numpy(array) for name, array in read_arrays(file.read_bytes()).items()}
    except FileNotFoundError:
        raise CargostreamError(f"There are no weights in {path}: {file.name} is missing. Models that "
                               f"`cargostream model train` made have them.") from None
    except (OSError, TypeError, BadArrays) as error:
        raise CargostreamError(f"The weights in {file} cannot be used: {first_line(error)}.") from error
    state[TEMPERATURE] = torch.ones(())
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CargostreamError(f"The weights in {file} are those of another network; --width has to be the one that "
                               f"they were trained with, and the classes the same.") from error


def start_from_imagenet(network: GroundNet) -> None:
    """Give the network's body torchvision's weights, learnt on ImageNet; they are downloaded on first use.

    Raises:
        CargostreamError: they cannot be had, or the network is not of the published width.
    """
    from torchvision.models.mobilenetv2 import MobileNet_V2_Weights, mobilenet_v2

    if network.features[0][0].out_channels != 32:
        raise CargostreamError("The weights from ImageNet are those of --width 1.0; no other width has any.")
    try:
        published = mobilenet_v2(weights=MobileNet_V2_Weights.IMAGENET1K_V2)
    except (URLError, OSError, RuntimeError) as error:
        raise CargostreamError(f"The weights from ImageNet could not be downloaded: {first_line(error)}. --weights "
                               f"champion, PATH or none need no download.") from error
    network.features.load_state_dict(published.features.state_dict())
