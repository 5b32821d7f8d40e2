"""`cargostream model compare`."""

import hashlib
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import typer

from cargostream.cli.model_train import Device, need_packages
from cargostream.cli.output import err, out
from cargostream.errors import UsageError
from cargostream.labels import CARGO_LABELS
from cargostream.settings import load_settings


def compare(
    seeds: int = typer.Option(3, min=1, max=100, help="Trainings of each strategy, each with a seed of its own."),
    first_seed: int = typer.Option(1, "--seed", min=0, help="The first of the seeds."),
    budget: int = typer.Option(400, min=1, help="How many of Monday's images are kept, by whatever strategy."),
    keeps: list[str] = typer.Option([], "--keep", help="Compare this strategy; may be repeated. Default: all of them."),
    weights: str = typer.Option("champion", help="What to start from: champion, an artifact folder or a .npz file."),
    embedder: Path | None = typer.Option(None, help="ONNX model whose embeddings are compared; default: the model that "
                                                    "is started from."),
    epochs: int | None = typer.Option(None, min=1, help="Times that every image is seen; default: as `model train`."),
    device: Device = typer.Option("auto", help="auto is CUDA where there is any."),
    store: Path | None = typer.Option(None, help="Image store; default: the one in the settings."),
    folder: Path | None = typer.Option(None, "--out", help="Folder for results; default: compare in the home folder."),
    as_json: bool = typer.Option(False, "--json", help="The summary as JSON, not as a table."),
) -> None:
    """Hold all strategies of keeping Monday's images against each other: same budget, several seeds, one table.

    Each training learns Tuesday and what the strategy keeps, and is measured on both evaluation sets; nothing is
    registered. A comparison that was stopped goes on where it was. FOLDER gets a JSON file a training, table.md,
    summary.json and comparison.png. Needs the extra `train`.
    """
    need_packages()
    from cargostream.cli.learning import Sets, embedder_of, embeddings_by, origin_of
    from model_registry.compare import START, Run, all_runs, draw, measured, summary, table
    from model_registry.fit import CONTINUED, device_named
    from model_registry.keep import EMBEDDED, STRATEGIES
    from model_registry.lesson import NEW, OLD, check, lesson_of_days
    from model_registry.network import GroundNet
    from model_registry.train import Order, taught

    settings = load_settings()
    strategies = keeps or list(STRATEGIES)
    if unknown := set(strategies) - set(STRATEGIES):
        raise UsageError(f"There is no strategy {', '.join(sorted(unknown))}; there are {', '.join(STRATEGIES)}.")
    folder = folder or settings.home / "compare"
    with tempfile.TemporaryDirectory(prefix="cargostream-") as scratch:
        origin = origin_of(settings, weights, Path(scratch))
        if origin is None:
            raise UsageError("A comparison goes on from weights that know Monday: --weights names them.")
        width, size = origin.shape()
        recipe = replace(CONTINUED, width=width or CONTINUED.width, size=size or CONTINUED.size,
                         epochs=epochs or CONTINUED.epochs)
        load = Sets(store or settings.image_store, recipe.size, skip=False)
        sets = {name: load(f"evaluation-{name}") for name in ("monday", "tuesday")}
        if set(strategies) & set(EMBEDDED):
            embedder = embedder_of(embedder, origin, settings, Path(scratch))
        embed = embeddings_by(embedder, origin, settings, Path(scratch), load)
        for name in (OLD, NEW):
            load(name)
        # By content: what lies behind a name may be another when a comparison goes on.
        decided = asdict(recipe) | load.list_digests() | {
            "budget": budget, "from": origin.words, "weights": origin.digest(), "device": device_named(device).type,
            "embedder": _digest(embedder or origin.onnx), "seed": first_seed}

        def train(keep: str, seed: int) -> Run:
            began = time.monotonic()
            if keep == START:
                network = GroundNet(len(CARGO_LABELS), recipe.width)
                origin.start(network)
                kept = 0
            else:
                lesson = lesson_of_days("both", keep, budget, seed, load, embed)
                check(lesson, {name: images.digests for name, images in sets.items()})
                order = Order(name=keep, recipe=replace(recipe, seed=seed), device=device_named(device),
                              start=origin.start)
                network, kept = taught(lesson, order, lambda figures: None), lesson.kept
            return Run(keep, seed, kept, round((time.monotonic() - began) / 60, 2), measured(network, sets), decided)

        def progress(done: Run, number: int, of: int) -> None:
            found = ", ".join(f"{name} {value:.2%}" for name, value in done.accuracy.items())
            err.print(f"{number}/{of}  {done.keep}, seed {done.seed}: {found}  ({done.minutes:.1f} min)")

        runs = all_runs(folder, [START], [first_seed], decided, train, progress)
        runs += all_runs(folder, strategies, range(first_seed, first_seed + seeds), decided, train, progress)
    found = summary(runs)
    (folder / "table.md").write_text(table(found, budget))
    (folder / "summary.json").write_text(json.dumps(found, indent=2))
    draw(found, folder / "comparison.png")
    if as_json:
        out.print_json(json.dumps(found))
    else:
        out.print(table(found, budget), end="")


def _digest(file: Path | None) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file and file.is_file() else None
