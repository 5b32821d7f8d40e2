"""Variations of a batch of training images, all drawn from one generator on the CPU: any device learns the same."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def augmented(images: Tensor, generator: torch.Generator, rough: Tensor | None = None) -> Tensor:
    """Float images (N, H, W, 3) in 0..255, each turned, mirrored, tinted and lit otherwise; uint8 given.

    Ground looks alike from every side and in every light: no class depends on what is changed here. Some of those that
    `rough`, bool (N,), tells are also hidden, blurred, dimmed and disturbed, as bad weather and bad cameras do.
    """
    pixels = _recoloured(_moved(images.permute(0, 3, 1, 2).float(), generator), generator)
    if rough is not None and rough.any():
        pixels[rough] = _disturbed(pixels[rough], generator)
    return pixels.permute(0, 2, 3, 1)


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


def _disturbed(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each kind of disturbance for a share of the images, drawn for each kind anew: a third stay free of any."""
    for disturb, share in ((_lit, 0.15), (_coarse, 0.15), (_veiled, 0.2), (_specked, 0.15), (_covered, 0.2),
                           (_noisy, 0.15)):
        chosen = torch.rand(len(pixels), generator=generator) < share
        if chosen.any():
            pixels[chosen] = disturb(pixels[chosen], generator).clamp(0, 255)
    return pixels


def _mixed(pixels: Tensor, cover: Tensor, darkest: float, generator: torch.Generator) -> Tensor:
    """Each image behind a cover (N, 1, H, W), 0..1, of one colour that is nearly grey."""
    n = len(pixels)
    colour = _uniform(darkest, 255, (n, 1, 1, 1), generator) + _uniform(-15, 15, (n, 3, 1, 1), generator)
    return pixels * (1 - cover) + colour * cover


def _lit(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Far too dark to far too light."""
    return pixels * torch.exp(_uniform(-1.6, 1.0, (len(pixels), 1, 1, 1), generator))


def _veiled(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Behind something that is uneven, here thick and there thin: haze to stains."""
    n, side = len(pixels), pixels.shape[-1]
    cells = int(torch.randint(2, 7, (1,), generator=generator))
    field = interpolate(_uniform(-1, 1, (n, 1, cells, cells), generator), (side, side), mode="bicubic")
    cover = _uniform(0, 0.7, (n, 1, 1, 1), generator) + field * _uniform(0.1, 3, (n, 1, 1, 1), generator)
    return _mixed(pixels, cover.clamp(0, 0.95), 30, generator)


def _specked(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Behind many light specks, drawn out to streaks or not, in hazy air."""
    n, side = len(pixels), pixels.shape[-1]
    high, wide = (max(2, int(side / scale)) for scale in _uniform(1, 8, (2,), generator).tolist())
    share = _uniform(0.02, 0.2, (n, 1, 1, 1), generator)
    specks = interpolate((torch.rand((n, 1, high, wide), generator=generator) < share).float(), (side, side),
                         mode="bilinear")
    hazy = _mixed(pixels, _uniform(0, 0.4, (n, 1, 1, 1), generator), 50, generator)
    return _mixed(hazy, specks * _uniform(0.3, 1, (n, 1, 1, 1), generator), 170, generator)


def _coarse(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Made small and large again; the whole lot alike, as a resize takes one factor."""
    side = pixels.shape[-1]
    small = max(2, int(side / float(_uniform(1.5, 8, (1,), generator))))
    return interpolate(interpolate(pixels, (small, small), mode="area"), (side, side), mode="bilinear")


def _noisy(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Grain, different for each pixel and colour."""
    strength = _uniform(5, 50, (len(pixels), 1, 1, 1), generator)
    return pixels + torch.randn(pixels.shape, generator=generator) * strength


def _covered(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Up to six rectangles, turned at any angle and of any shape, each of one grey: random erasing (Zhong et al.,
    arXiv 1708.04896)."""
    n, side = len(pixels), pixels.shape[-1]
    across = torch.linspace(-1, 1, side).view(1, 1, 1, side)
    down = across.view(1, 1, side, 1)
    for _ in range(6):
        angle = _uniform(0, torch.pi, (n, 1, 1, 1), generator)
        x, y = across - _uniform(-1, 1, (n, 1, 1, 1), generator), down - _uniform(-1, 1, (n, 1, 1, 1), generator)
        length, breadth = torch.exp(_uniform(-3, 0.3, (2, n, 1, 1, 1), generator))
        inside = ((x * angle.cos() + y * angle.sin()).abs() < length) & (
            (y * angle.cos() - x * angle.sin()).abs() < breadth) & (length * breadth < 0.25)
        pixels = torch.where(inside, _uniform(0, 255, (n, 1, 1, 1), generator), pixels)
    return pixels
