"""A batch in two halves gives the gradients of the two, and each its own batch statistics until they agree."""

import threading

import pytest
import torch
from torch import Tensor, nn

from model_registry.halves import Halves
from model_registry.network import GroundNet

BATCH = torch.rand((7, 32, 32, 3), generator=torch.Generator().manual_seed(1)) * 255
LABELS = torch.arange(7) % 5


def network() -> GroundNet:
    torch.manual_seed(0)
    return GroundNet(5, 0.25).double().learning(frozen=False)  # a single one's rounding grows beyond any tolerance


def loss_of(which: GroundNet, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(which(images)[0], labels)


def test_gradients_are_those_of_both_halves() -> None:
    learnt, single = network(), network()
    with Halves(learnt, loss_of) as halves:
        loss = halves.set_gradients(BATCH, LABELS)
    wanted = sum(loss_of(single, BATCH[rows], LABELS[rows]) / 2 for rows in (slice(0, 4), slice(4, 7)))
    wanted.backward()
    assert loss == pytest.approx(float(wanted.detach()), rel=1e-9)
    for ours, its in zip(learnt.parameters(), single.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, its.grad, rtol=1e-4, atol=1e-6)


def test_statistics_are_the_mean_of_the_halves() -> None:
    learnt, means = network(), []
    for rows in (slice(0, 4), slice(4, 7)):
        single = network()
        single(BATCH[rows])
        means.append(single.features[0][1].running_mean)
    with Halves(learnt, loss_of) as halves:
        halves.set_gradients(BATCH, LABELS)
        halves.agree()
    torch.testing.assert_close(learnt.features[0][1].running_mean, sum(means) / 2)


def test_a_half_that_fails_is_told_and_the_threads_end() -> None:
    with pytest.raises(IndexError), Halves(network(), loss_of) as halves:
        halves.set_gradients(BATCH, LABELS + 5)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("half")]
