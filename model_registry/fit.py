"""Fit the network to images: AdamW, one cycle of the learning rate, classes weighed alike, everything seeded."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model_registry.augment import augmented
from model_registry.network import GroundNet

Report = Callable[[int, float, float], None]
"""Called after each epoch with (epoch from 1, mean training loss, accuracy on the held-out part)."""


def held_out(labels: npt.NDArray[np.int64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which images are kept for validation: the same share of every class, at least one of each."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen[rng.permutation(members)[:max(1, round(share * len(members)))]] = True
    return chosen


def fit(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], held: npt.NDArray[np.bool_], *, classes: int,
        width: float, epochs: int, batch: int, rate: float, seed: int, report: Report) -> GroundNet:
    """A network fitted to the images that are not `held`, in evaluation mode."""
    torch.manual_seed(seed)
    network = GroundNet(classes, width).to(memory_format=torch.channels_last)
    x, y = torch.from_numpy(images[~held]), torch.from_numpy(labels[~held])
    counts = torch.bincount(y, minlength=classes).clamp(min=1)
    loss_of = nn.CrossEntropyLoss(weight=len(y) / (classes * counts.float()), label_smoothing=0.05)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.05)
    steps = -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * steps, pct_start=0.2)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(1, epochs + 1):
        network.train()
        total = 0.0
        for rows in torch.randperm(len(x), generator=generator).tensor_split(steps):
            loss = loss_of(_logits(network, augmented(x[rows], generator)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) / steps
        report(epoch, total, accuracy(network, images[held], labels[held]))
    return network.eval()


def accuracy(network: GroundNet, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> float:
    """Share of the images that the network gets right, in evaluation mode."""
    network.eval()
    with torch.inference_mode():
        answers = [_logits(network, part).argmax(1) for part in torch.from_numpy(images).tensor_split(
            max(1, len(images) // 128))]
    return float((torch.cat(answers).numpy() == labels).mean())


def _logits(network: GroundNet, images: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = network(images)[0]
    return logits.float()
