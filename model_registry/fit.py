"""Fit the network to images: AdamW, one cycle of the learning rate, everything seeded."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cargostream.errors import CargostreamError
from model_registry.augment import augmented
from model_registry.halves import Halves
from model_registry.load import Images
from model_registry.network import GroundNet

Report = Callable[[dict[str, float]], None]
"""Called after each epoch with its figures by name: epoch (from 1), loss, and of the validation images loss and
accuracy."""

LOT = 128
"""Images at a time where nothing is learnt."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what comes out, apart from the images and the weights to start from.

    A batch has `batch` images or a few more, at least 4, and batch statistics of each half of it (see `halves`). `rate`
    is the peak of the learning rate's one cycle; `variation` is plain or rough, see `augment`; `frozen` leaves
    all but the classifier as it is. The share `anchor` of the weights that come out are those that were started from,
    the rest the learnt ones: much less is forgotten, and next to nothing of the new is lost (WiSE-FT, Wortsman et al.,
    arXiv 2109.01903). `balance` is how much rare classes count for: 0 every image alike, 1 every class alike. The share
    `small` of the epochs comes first and sees the images at three quarters of their size, in little more than half of
    the time; the last see them as they will be served, for the reason in FixRes (Touvron et al., arXiv 1906.06423).
    """

    width: float = 0.5
    size: int = 128
    epochs: int = 18
    batch: int = 32
    rate: float = 3e-3
    seed: int = 2022
    variation: str = "plain"
    frozen: bool = False
    anchor: float = 0.0
    balance: float = 0.0
    small: float = 0.0


FRESH = Recipe()
CONTINUED = Recipe(epochs=50, rate=2e-3, variation="rough", anchor=0.1, balance=0.5, small=0.5)
"""To learn from scratch, and to go on from weights that know most of it."""


def device_named(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is any.

    Raises:
        CargostreamError: CUDA is asked for and not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise CargostreamError("There is no CUDA device that torch can use; --device cpu trains without.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def fit(network: GroundNet, train: Images, clean: npt.NDArray[np.bool_], validation: Images, recipe: Recipe,
        device: torch.device, report: Report) -> GroundNet:
    """Teach the network the images of `train`; it comes back on the CPU in evaluation mode.

    `clean`, (n,), tells which of them a rough variation is for: what came damaged is not damaged twice. Nothing is
    learnt or chosen from `validation`: its figures are reported.
    """
    classes = network.classifier[-1].out_features
    network = network.to(device).to(memory_format=torch.channels_last)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    x, y = torch.from_numpy(train.pixels), torch.from_numpy(train.labels)
    counts = torch.bincount(y, minlength=classes).clamp(min=1)
    weights = (len(y) / (classes * counts.float())) ** recipe.balance
    criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.05).to(device)
    network.learning(recipe.frozen)
    optimizer = torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], lr=recipe.rate,
                                  weight_decay=0.05)
    steps = max(1, len(x) // recipe.batch)
    # The schedule divides by zero at 5 steps, so that the very shortest trainings leave their cycle unfinished.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=max(10, recipe.epochs * steps), pct_start=0.2)
    generator = torch.Generator().manual_seed(recipe.seed)
    rough = torch.from_numpy(clean) & (recipe.variation == "rough")
    small = round(recipe.small * recipe.epochs)
    lesser = _shrunk(x, x.shape[1] * 3 // 4) if small else x
    with Halves(network, lambda which, images, labels: criterion(_answers(which, images)[0], labels)) as halves:
        for epoch in range(1, recipe.epochs + 1):
            halves.learning(recipe.frozen)
            total = 0.0
            seen = lesser if epoch <= small else x
            for rows in torch.randperm(len(x), generator=generator).tensor_split(steps):
                varied = augmented(seen[rows], generator, rough[rows]).to(device)
                total += halves.set_gradients(varied, y[rows].to(device)) / steps
                optimizer.step()
                schedule.step()
            halves.agree()
            if epoch == recipe.epochs:
                _draw_near(network, start, recipe.anchor)
            logits = run(network, validation.pixels, device, fast=True)[0]
            report({"epoch": epoch, "loss": total, **_measured(logits, validation.labels)})
    return network.cpu().eval()


def run(network: GroundNet, images: npt.NDArray[np.uint8], device: torch.device | None = None, *,
        fast: bool = False) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Logits (n, classes) and embeddings (n, E) of images, in evaluation mode; `fast` in half precision, where 1 % of
    a probability does not matter."""
    network.eval()
    device = device or torch.device("cpu")
    with torch.inference_mode():
        parts = [_answers(network, part.to(device), half=fast) for part in torch.from_numpy(images).tensor_split(
            -(-len(images) // LOT))]
    return (torch.cat([logits for logits, _ in parts]).cpu().numpy(),
            torch.cat([embedding for _, embedding in parts]).cpu().numpy())


def _shrunk(images: Tensor, side: int) -> Tensor:
    """Images (n, side, side, 3) of images (n, S, S, 3), uint8 both."""
    lots = [nn.functional.interpolate(lot.permute(0, 3, 1, 2).float(), (side, side), mode="area").round().byte()
            for lot in images.tensor_split(-(-len(images) // LOT))]
    return torch.cat(lots).permute(0, 2, 3, 1).contiguous()


def _draw_near(network: GroundNet, start: dict[str, Tensor], share: float) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(start[name], share)


def _answers(network: GroundNet, images: Tensor, half: bool = True) -> tuple[Tensor, Tensor]:
    # Processors without matrix units take longer in half precision.
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half and images.device.type == "cuda"):
        logits, embedding = network(images)
    return logits.float(), embedding.float()


def _measured(logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> dict[str, float]:
    loss = nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth))
    return {"validation loss": float(loss), "validation accuracy": float((logits.argmax(axis=1) == truth).mean())}
