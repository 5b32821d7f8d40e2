"""`cargostream model train`."""

import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError
from cargostream.settings import load_settings

if TYPE_CHECKING:
    from model_registry.register import Registered


def train(
    sets: list[str] = typer.Option(["starter"], "--set", help="Image set to learn from; may be repeated."),
    evaluation: str = typer.Option("evaluation-monday", "--evaluate", help="Image set to measure the result on."),
    width: float = typer.Option(0.5, min=0.1, max=2, help="Width of MobileNetV2; 1.0 is the published network."),
    size: int = typer.Option(128, min=32, max=512, help="Side of the input image, in pixels."),
    epochs: int = typer.Option(18, min=1, help="Times that every image is seen."),
    batch: int = typer.Option(32, min=2, help="Images a step."),
    rate: float = typer.Option(3e-3, min=1e-6, max=1, help="Peak of the learning rate."),
    seed: int = typer.Option(2022, min=0, help="Decides weights, order and variations."),
    store: Path | None = typer.Option(None, help="Image store; default: the one in the settings."),
    out_folder: Path | None = typer.Option(None, "--out", help="Folder for the artifact; default: models/<name> in "
                                                               "the home folder."),
    name: str = typer.Option("", help="What to call it; default: from sets, width, size and seed."),
    registered: bool = typer.Option(True, "--register/--no-register",
                                    help="Register the result; it becomes champion if there is none."),
    as_json: bool = typer.Option(False, "--json", help="Figures as one JSON object on standard output."),
) -> None:
    """Train MobileNetV2 from scratch on drawn images, export it to ONNX, measure it and register it.

    Minutes on two cores. Sets that the store lacks are drawn first. Needs the extra `train`.
    """
    if missing := [package for package in ("torch", "torchvision", "onnxscript", "sklearn") if not find_spec(package)]:
        raise CargostreamError(f"Training needs {', '.join(missing)}: install the extra `train` with "
                               f"`{sys.executable} -m pip install 'cargostream[train]'`, in a clone with '.[train]'.")
    settings = load_settings()
    store = store or settings.image_store
    name = name or f"{'+'.join(sets)}-w{width:g}-{size}px-seed{seed}"
    folder = out_folder or settings.home / "models" / name
    if registered:
        _need_registry(settings.tracking_uri, settings.model_name)
    from cargostream.cli.data import ensure

    for part in (*sets, evaluation):
        ensure(store, part)
    from model_registry.train import Recipe, train_model

    epochs_seen: list[dict[str, float]] = []

    def report(figures: Any) -> None:
        epochs_seen.append(dict(figures))
        err.print(f"epoch {figures['epoch']}/{epochs}  loss {figures['loss']:.3f}  "
                  f"validation {figures['validation']:.3f}")

    recipe = Recipe(width=width, size=size, epochs=epochs, batch=batch, rate=rate, seed=seed)
    command = "cargostream model train " + shlex.join([
        *(word for part in sets for word in ("--set", part)), "--evaluate", evaluation, "--width", f"{width:g}",
        "--size", str(size), "--epochs", str(epochs), "--batch", str(batch), "--rate", f"{rate:g}",
        "--seed", str(seed)])
    figures = train_model(store, sets, evaluation, recipe, folder, name=name, command=command, report=report)
    if as_json:
        out.print_json(json.dumps({"folder": str(folder), **figures}))
    else:
        for key, value in figures.items():
            out.print(f"{key}: {value:.4f}")
        out.print(f"artifact: {folder}")
    if registered:
        from model_registry.register import register

        result = register(settings, folder, epochs_seen)
        if not as_json:
            out.print(in_words(settings.model_name, result))


def in_words(model: str, result: "Registered") -> str:
    """What became of an artifact that was registered."""
    return (f"{model} version {result.version}{'' if result.new else ' (was registered already)'}"
            f"{', now champion' if result.champion else ''}")


def _need_registry(uri: str, model: str) -> None:
    """Fail before minutes of training, not after them."""
    from model_registry.mlflow_rest import versions_of

    versions_of(uri, model)
