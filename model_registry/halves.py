"""A batch learnt in two halves at a time, by a thread each.

Threads that share every small step wait for each other after each of them, and for a core that somebody else uses: on
two cores that also carry a stream, two halves take a quarter less time than one batch on two threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from types import TracebackType

import torch
from torch import Tensor

from model_registry.network import GroundNet

FEWEST = 4
"""Images that are worth halving: batch statistics of a single image are none."""


class Halves:
    """A network and its twin, which has the same parameters, and batch statistics of its own until they `agree`.

    `loss_of` gives a network's loss on images and labels. The same batches give the same gradients, whatever the
    number of cores, as a sum of two does not depend on their order.
    """

    def __init__(self, network: GroundNet, loss_of: Callable[[GroundNet, Tensor, Tensor], Tensor]) -> None:
        self._loss_of, self._pair = loss_of, (network, deepcopy(network))
        for ours, its in zip(network.modules(), self._pair[1].modules(), strict=True):
            for name, parameter in ours.named_parameters(recurse=False):
                setattr(its, name, parameter)

    def __enter__(self) -> "Halves":
        self._threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(2, "half", torch.set_num_threads, (max(1, self._threads // 2),))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()
        torch.set_num_threads(self._threads)

    def learning(self, frozen: bool) -> None:
        """Both go into training mode, see `GroundNet.learning`."""
        for each in self._pair:
            each.learning(frozen)

    def add_gradients(self, images: Tensor, labels: Tensor) -> float:
        """Add the gradients of the batch's loss to the parameters; the loss."""
        halves = 2 if len(images) >= FEWEST else 1
        return sum(self._pool.map(lambda network, x, y: self._add(network, x, y, halves),
                                  self._pair, images.tensor_split(halves), labels.tensor_split(halves)))

    def agree(self) -> None:
        """Give both the mean of their batch statistics."""
        for ours, its in zip(*(each.buffers() for each in self._pair), strict=True):
            if ours.is_floating_point():
                its.copy_(ours.lerp_(its, 0.5))

    def _add(self, network: GroundNet, images: Tensor, labels: Tensor, halves: int) -> float:
        loss = self._loss_of(network, images, labels) / halves
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
