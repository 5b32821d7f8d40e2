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

LossOf = Callable[[GroundNet, Tensor, Tensor], Tensor]
"""A network's loss on images and their labels."""


class Halves:
    """A network and its twin, which has the same parameters, and batch statistics of its own until they `agree`.

    Each half has statistics of its own batch, so that a batch has at least 4 images. Other devices than processors
    learn the halves one after the other.
    """

    def __init__(self, network: GroundNet, loss_of: LossOf) -> None:
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

    def set_gradients(self, images: Tensor, labels: Tensor) -> float:
        """Give the parameters the gradients of the batch's loss, which is the mean of the halves' losses; that loss."""
        both = self._pool.map if images.device.type == "cpu" else map
        found = list(both(self._learn, self._pair, images.tensor_split(2), labels.tensor_split(2)))
        for parameter, *gradients in zip(self._learnt(), *(gradients for _, gradients in found), strict=True):
            parameter.grad = (gradients[0] + gradients[1]) / 2
        return sum(loss for loss, _ in found) / 2

    def agree(self) -> None:
        """Give both the mean of their batch statistics."""
        for ours, its in zip(*(each.buffers() for each in self._pair), strict=True):
            if ours.is_floating_point():
                its.copy_(ours.lerp_(its, 0.5))

    def _learnt(self) -> list[Tensor]:
        return [each for each in self._pair[0].parameters() if each.requires_grad]

    def _learn(self, network: GroundNet, images: Tensor, labels: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        loss = self._loss_of(network, images, labels)
        # Not `backward`, by which both threads would add to the same gradients.
        return float(loss.detach()), torch.autograd.grad(loss, self._learnt())
