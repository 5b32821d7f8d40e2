"""The reference model, for speeds that can be compared: MobileNetV2, width 1.0, 224², weights drawn from a fixed seed.

    python -m model_registry.reference FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch

from cargostream.labels import CARGO_LABELS
from cargostream.served import MANIFEST
from model_registry.export import export
from model_registry.network import GroundNet

SEED, WIDTH, SIZE = 0, 1.0, 224


def export_reference(folder: Path) -> Path:
    """Export the reference model into `folder`, unless it is there; returns the folder. It knows nothing."""
    if not (folder / MANIFEST).exists():
        torch.manual_seed(SEED)
        golden = np.random.default_rng(SEED).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
        export(GroundNet(len(CARGO_LABELS), WIDTH), folder, name="reference", labels=CARGO_LABELS, golden=golden,
               training={"command": "python -m model_registry.reference", "seed": SEED})
    return folder


if __name__ == "__main__":
    print(export_reference(Path(sys.argv[1])))
