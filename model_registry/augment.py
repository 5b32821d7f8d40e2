"""Variations of a batch of training images, all drawn from one generator."""


import torch
from torch import Tensor


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Float images (N, H, W, 3) in 0..255, each turned, mirrored, cropped, tinted and lit otherwise; uint8 given.

    Ground looks alike from every side and in every light: no class depends on what is changed here.
    """
    pixels = images.permute(0, 3, 1, 2).float()
    return _recoloured(_moved(pixels, generator), generator).permute(0, 2, 3, 1)


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _moved(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each image turned by a multiple of 90 degrees and mirrored, or not."""
    turns = torch.randint(0, 8, (len(pixels),), generator=generator)
    moved = torch.empty_like(pixels)
    for turn in range(8):
        chosen = turns == turn
        part = torch.rot90(pixels[chosen], turn % 4, (2, 3))
        moved[chosen] = part.flip(3) if turn > 3 else part
    return moved


def _recoloured(pixels: Tensor, generator: torch.Generator) -> Tensor:
    n = len(pixels)
    middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
    contrast = _uniform(0.8, 1.25, (n, 1, 1, 1), generator)
    gain = _uniform(0.8, 1.25, (n, 1, 1, 1), generator) * _uniform(0.93, 1.07, (n, 3, 1, 1), generator)
    return (((pixels - middle) * contrast + middle) * gain).clamp(0, 255)
