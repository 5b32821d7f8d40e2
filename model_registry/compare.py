"""Which strategy of keeping old images is best: each trained with several seeds, with one budget, measured alike."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import msgspec
import numpy as np
from matplotlib.figure import Figure

from cargostream.errors import UsageError
from model_registry.fit import run
from model_registry.load import Images
from model_registry.network import GroundNet

BOTH = "both"
START = "no training"


class Run(msgspec.Struct, frozen=True):
    """One training that was measured. `accuracy` is by set, and of all sets together under `both`; `settings` is all
    that was decided, so that runs of different settings are not held against each other."""

    keep: str
    seed: int
    kept: int
    minutes: float
    accuracy: dict[str, float]
    settings: dict[str, Any]


def measured(network: GroundNet, sets: Mapping[str, Images]) -> dict[str, float]:
    """The network's accuracy on each set, and on all their images together."""
    right = {name: run(network, images.pixels)[0].argmax(axis=1) == images.labels for name, images in sets.items()}
    return {name: float(each.mean()) for name, each in right.items()} | {
        BOTH: float(np.concatenate(list(right.values())).mean())}


def all_runs(folder: Path, strategies: Sequence[str], seeds: Sequence[int], settings: dict[str, Any],
             train: Callable[[str, int], Run], progress: Callable[[Run, int, int], None]) -> list[Run]:
    """A run of each strategy with each seed; those that lie in `folder` are taken from there, others are trained and
    written at once, so that a comparison that was stopped goes on where it was.

    Raises:
        UsageError: the folder has runs of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    todo = [(keep, seed) for seed in seeds for keep in strategies]
    for keep, seed in todo:
        file = folder / f"{keep.replace(' ', '-')}-seed{seed}.json"
        if file.exists():
            found = msgspec.json.decode(file.read_bytes(), type=Run)
            if found.settings != settings:
                raise UsageError(f"{file} is a run of other settings ({_differing(found.settings, settings)}); name "
                                 f"another folder with --out.")
        else:
            found = train(keep, seed)
            partial = file.with_name(f".{file.name}.{os.getpid()}")
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
            partial.rename(file)
        runs.append(found)
        progress(found, len(runs), len(todo))
    return runs


def summary(runs: Sequence[Run]) -> dict[str, dict[str, dict[str, float]]]:
    """Of each strategy and set: `mean` and `sd` of the accuracy over the seeds, and the number of `runs`."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for keep in dict.fromkeys(each.keep for each in runs):
        of = [each.accuracy for each in runs if each.keep == keep]
        found[keep] = {name: {"mean": mean(values), "sd": stdev(values) if len(values) > 1 else 0.0, "runs": len(of)}
                       for name in of[0] for values in [[each[name] for each in of]]}
    return found


def table(found: dict[str, dict[str, dict[str, float]]], budget: int) -> str:
    """The summary in Markdown: accuracy in per cent, mean ± standard deviation over the seeds."""
    names = list(next(iter(found.values())))
    lines = [f"| kept of Monday | {' | '.join(names)} | runs |", f"|---|{'---|' * (len(names) + 1)}"]
    for keep, sets in found.items():
        cells = [f"{100 * each['mean']:.2f}" + (f" ± {100 * each['sd']:.2f}" if each["runs"] > 1 else "")
                 for each in sets.values()]
        kept = keep if keep in ("none", START) else f"{keep}, {budget}"
        lines.append(f"| {kept} | {' | '.join(cells)} | {next(iter(sets.values()))['runs']} |")
    return "\n".join(lines) + "\n"


def draw(found: dict[str, dict[str, dict[str, float]]], file: Path) -> None:
    """The summary as a PNG: a point for each strategy and set, with its standard deviation."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    names = list(next(iter(found.values())))
    for number, name in enumerate(names):
        places = np.arange(len(found)) + (number - (len(names) - 1) / 2) * 0.15
        axes.errorbar(places, [100 * sets[name]["mean"] for sets in found.values()],
                      [100 * sets[name]["sd"] for sets in found.values()], fmt="o", capsize=3, label=name)
    axes.set_xticks(range(len(found)), list(found), rotation=15)
    axes.set_ylabel("accuracy, %")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=120)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {one.get(key)}, not {other.get(key)}" for key in sorted({*one, *other})
                     if one.get(key) != other.get(key))
