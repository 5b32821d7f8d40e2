"""MobileNetV2 as it is trained and as it is served: one module that takes bytes and gives logits and an embedding."""

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import mobilenet_v2

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class GroundNet(nn.Module):
    """MobileNetV2 with its normalisation inside.

    Takes RGB values 0..255, uint8 or float, (N, H, W, 3); gives logits (N, classes) and the embedding that they are a
    linear function of, (N, 1280 or more). The logits are divided by `temperature`, 1 until it is set, so that their
    softmax is as sure as it is right (Guo et al., arXiv 1706.04599).
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, classes: int, width: float) -> None:
        super().__init__()
        # No dropout: the threads of a training would draw from one generator, in an order that chance decides.
        body = mobilenet_v2(num_classes=classes, width_mult=width, dropout=0.0)
        self.features, self.classifier = body.features, body.classifier
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1) * 255)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        pixels = (image.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
        embedding = self.features(pixels).mean(dim=(2, 3))
        return self.classifier(embedding) / self.temperature, embedding

    def learning(self, frozen: bool) -> "GroundNet":
        """Go into training mode; if `frozen`, all but the classifier stays as it is, batch statistics too."""
        self.train()
        if frozen:
            self.features.eval().requires_grad_(False)
        return self
