"""`cargostream model train`."""

import json
import shlex
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError
from cargostream.settings import load_settings

if TYPE_CHECKING:
    from model_registry.fit import Recipe
    from model_registry.register import Registered

Days = Literal["monday", "tuesday", "both"]
Keep = Literal["none", "random", "cp_l1norm", "cp_l2norm", "cp_cosine", "grasp"]
Device = Literal["auto", "cpu", "cuda"]
Variation = Literal["plain", "rough"]


def train(
    days: Days = typer.Option("both", help="Learn one day, or Tuesday together with what --keep selects of Monday."),
    keep: Keep = typer.Option("cp_l2norm", help="How Monday's images are chosen that are learnt again: at random, by "
                                            "closest pairs (cp_...), or prototypical ones more likely (grasp)."),
    budget: int = typer.Option(400, min=1, help="How many of Monday's images are kept, by whatever strategy."),
    weights: str = typer.Option("", help="What to start from: champion, none, imagenet (a download; width 1.0 only), "
                                         "an artifact folder or a .npz file. Default: champion to learn Tuesday, else "
                                         "none."),
    embedder: Path | None = typer.Option(None, help="ONNX model whose embeddings --keep compares; default: the model "
                                                    "that is started from, or else the champion."),
    freeze: bool = typer.Option(False, "--freeze", help="Learn only the last layer; nothing else changes."),
    sets: list[str] = typer.Option([], "--set", help="Learn this image set, and no day; may be repeated."),
    evaluations: list[str] = typer.Option([], "--evaluate", help="Image set to measure the result on; may be repeated. "
                                                                 "Default: both days' evaluation sets."),
    reference: str | None = typer.Option(None, help="With --set: the set that live rows are held against; default: "
                                                    "images that were held back."),
    width: float | None = typer.Option(None, min=0.1, max=2, help="Width of MobileNetV2; 1.0 is the published network. "
                                                                  "Default: that of the weights, or 0.5."),
    size: int | None = typer.Option(None, min=32, max=512, help="Side of the input image, in pixels. Default: that of "
                                                                "the weights, or 128."),
    epochs: int | None = typer.Option(None, min=1, help="Times that every image is seen."),
    batch: int | None = typer.Option(None, min=4, help="Images a step, learnt in two halves."),
    rate: float | None = typer.Option(None, min=1e-6, max=1, help="Peak of the learning rate."),
    variation: Variation | None = typer.Option(None, help="How images are varied: rough also blurs, hides "
                                                          "and dims clean ones. Default: rough, from scratch plain."),
    seed: int = typer.Option(2022, min=0, help="Decides what is kept, order and variations."),
    device: Device = typer.Option("auto", help="auto is CUDA where there is any."),
    skip: bool = typer.Option(False, "--skip-unreadable", help="Leave out images that cannot be used; without it they "
                                                               "are an error. Either way all are named."),
    store: Path | None = typer.Option(None, help="Image store; default: the one in the settings."),
    out_folder: Path | None = typer.Option(None, "--out", help="Folder for the artifact, with pictures beside it. "
                                                               "Default: models/NAME in the home folder."),
    name: str = typer.Option("", help="What to call it; default: from what it learns."),
    registered: bool = typer.Option(True, "--register/--no-register",
                                    help="Register the result; it becomes champion if there is none."),
    as_json: bool = typer.Option(False, "--json", help="Folder, version and figures as one JSON object."),
) -> None:
    """Teach MobileNetV2 a day, both or other image sets, export it to ONNX, measure it and register it.

    Minutes on two cores. Each class is split by the images' digests: of a day 80 % are learnt, 10 % decide how sure the
    model may be, and 10 % measure it (`test accuracy`); of a --set 90 % are learnt, and what measures it are other
    sets. Sets that the store lacks are drawn first. Needs the extra `train`.
    """
    need_packages()
    from cargostream.cli.learning import Sets, clean_day, embeddings_by, origin_of
    from model_registry.fit import CONTINUED, FRESH, device_named
    from model_registry.judge import SETS
    from model_registry.lesson import check, lesson_of_days, lesson_of_sets
    from model_registry.train import Order, must_be_new, train_model

    settings = load_settings()
    weights = weights or ("none" if sets or days == "monday" else "champion")
    evaluations = evaluations or list(SETS.values())
    what = {"sets": "+".join(sets)} if sets else {"days": days}
    what |= {"keep": keep, "budget": str(budget)} if what.get("days") == "both" else {}
    name = name or "-".join([*what.values(), *(["on"] if weights != "none" else []), f"seed{seed}"])
    folder = out_folder or _free(settings.home / "models" / name)
    extras = folder.with_name(f"{folder.name}.training")
    must_be_new(folder, extras)
    if registered:
        _need_registry(settings.tracking_uri, settings.model_name)
    with tempfile.TemporaryDirectory(prefix="cargostream-") as scratch:
        origin = origin_of(settings, weights, Path(scratch))
        known = (None, None) if origin is None else origin.shape()
        base = CONTINUED if origin and origin.path else FRESH  # weights from elsewhere know none of the classes
        given: dict[str, Any] = {"width": width or known[0], "size": size or known[1], "epochs": epochs, "batch": batch,
                                 "rate": rate, "variation": variation}
        recipe = replace(base, seed=seed, frozen=freeze, **{key: value for key, value in given.items() if value})
        load = Sets(store or settings.image_store, recipe.size, skip)
        measured = {part: load(part) for part in evaluations}
        if sets:
            lesson = lesson_of_sets(sets, reference, load)
        else:
            embed = embeddings_by(embedder, origin, settings, Path(scratch), load)
            lesson = lesson_of_days(days, keep, budget, seed, load, embed)
            if days == "both" and keep == "none":
                err.print("note: with --keep none, nothing of Monday is learnt again; what was known of it may go.")
        apart = [*SETS.values(), *evaluations, *([reference] if sets and reference else [])]
        check(lesson, {part: load.digests(part) for part in apart})
        tags = what | {"seed": str(seed), "weights": weights, "from": origin.words if origin else "nothing"}
        err.print(f"learning {len(lesson.train)} images ({lesson.kept} kept of an old day), {recipe.epochs} epochs, "
                  f"from {tags['from']}")
        seen: list[dict[str, float]] = []

        def report(figures: dict[str, float]) -> None:
            seen.append(figures)
            err.print(f"epoch {int(figures['epoch'])}/{recipe.epochs}  loss {figures['loss']:.3f}  "
                      f"validation {figures['validation accuracy']:.3f}")

        command = _command(what, evaluations, reference, weights, recipe, embedder)
        order = Order(name=name, recipe=recipe, device=device_named(device), start=origin.start if origin else None,
                      described={"command": command} | tags | load.list_digests())
        figures = train_model(lesson, measured, order, folder, extras,
                              signatures=load.signatures(clean_day(days, sets, reference)), report=report)
    result: dict[str, Any] = {"folder": str(folder), **figures}
    if not as_json:
        for part in evaluations:
            out.print(_summary(part, figures))
        out.print(f"artifact: {folder}")
    if registered:
        from model_registry.register import register

        made = register(settings, folder, seen, extras=extras, tags=tags)
        result |= {"version": made.version, "champion": made.champion}
        if not as_json:
            out.print(in_words(settings.model_name, made))
    if as_json:
        out.print_json(json.dumps(result))


def need_packages() -> None:
    """Raises CargostreamError if what training needs is not installed."""
    if missing := [package for package in ("torch", "torchvision", "onnxscript", "sklearn") if not find_spec(package)]:
        raise CargostreamError(f"Training needs {', '.join(missing)}: install the extra `train` with "
                               f"`{sys.executable} -m pip install 'cargostream[train]'`, in a clone with '.[train]'.")


def in_words(model: str, result: "Registered") -> str:
    """What became of an artifact that was registered."""
    return (f"{model} version {result.version}{'' if result.new else ' (was registered already)'}"
            f"{', now champion' if result.champion else ''}")


def _summary(part: str, figures: dict[str, float]) -> str:
    """What the figures say of one set, in a line."""
    found = {key.removeprefix(f"{part} "): value for key, value in figures.items() if key.startswith(f"{part} ")}
    recalls = [f"{key.removeprefix('recall ')} {value:.1%}" for key, value in found.items()
               if key.startswith("recall ") and not key.endswith((" low", " high"))]
    return (f"{part}: {found['accuracy']:.1%} right ({found['accuracy low']:.1%} to {found['accuracy high']:.1%} at "
            f"95 %); {', '.join(recalls)}")


def _command(what: dict[str, str], evaluations: list[str], reference: str | None, weights: str, recipe: "Recipe",
             embedder: Path | None) -> str:
    """How to do it again."""
    words = [word for part in what.get("sets", "").split("+") if part for word in ("--set", part)]
    words += [word for key in ("days", "keep", "budget") if key in what for word in (f"--{key}", what[key])]
    words += [word for part in evaluations for word in ("--evaluate", part)]
    words += ["--reference", reference] if reference else []
    words += ["--embedder", str(embedder)] if embedder else []
    words += ["--weights", weights, "--width", f"{recipe.width:g}", "--size", str(recipe.size)]
    words += ["--epochs", str(recipe.epochs), "--batch", str(recipe.batch), "--rate", f"{recipe.rate:g}"]
    words += ["--variation", recipe.variation, *(["--freeze"] if recipe.frozen else []), "--seed", str(recipe.seed)]
    return f"cargostream model train {shlex.join(words)}"


def _free(folder: Path) -> Path:
    """The folder, or with the first number behind its name that is not taken."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _need_registry(uri: str, model: str) -> None:
    """Fail before minutes of training, not after them."""
    from model_registry.mlflow_rest import versions_of

    versions_of(uri, model)
