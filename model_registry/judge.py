"""A candidate is held against the champion: both vetted, both asked about the same images, then the gates."""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from cargostream.database import engine
from cargostream.errors import ModelRefused, Rejection, Unavailable
from cargostream.settings import Settings
from model_registry.evaluate import predict_interleaved
from model_registry.gates import MONDAY, TUESDAY, Gate, Live, Margins, Measured, gates, live_gate
from model_registry.live import read_live
from model_registry.load import load_set, set_digest
from model_registry.measures import Classes, Figures, figures
from model_registry.mlflow_rest import Version
from model_registry.vet import Vetted, vet

SETS = {MONDAY: "evaluation-monday", TUESDAY: "evaluation-tuesday"}
"""The fixed set of images of each day."""

LiveMode = Literal["require", "auto", "ignore"]

Progress = Callable[[str, int, int], None]
"""Called with a set's name, images in all, and images done; both are 0 when the set is about to be read."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. `lists` has the SHA-256 of each day's list of images. Figures are by day, then by version.
    `champion` is the version that had the alias, even if it was not fit to be compared with; `notes` say what could not
    be done."""

    model: str
    candidate: int
    champion: int | None
    lists: dict[str, str]
    figures: dict[str, dict[int, Figures]]
    live: Live | None
    gates: list[Gate]
    notes: list[str]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)


def judge(settings: Settings, champion: Version | None, candidate: Version, margins: Margins, live: LiveMode,
          listing: Callable[[str], Path], progress: Progress) -> Comparison:
    """Compare the candidate with the champion on the evaluation sets, and in service if it can be.

    `listing` gives the path of a set's list, in the root of the store that its images are in.

    Raises:
        ModelRefused: the candidate's artifact must not serve, or it fails on an image.
        Unavailable: the registry, or with `require` the target database, cannot be reached.
        CargostreamError: an evaluation set cannot be used.
    """
    notes: list[str] = []
    seen = _live(settings, champion, candidate, live, margins, notes)
    with tempfile.TemporaryDirectory() as scratch:
        entered = [vet(settings, candidate, Path(scratch))]
        if champion is None:
            notes.append(f"No version of {settings.model_name} is champion: there is nothing to be compared with.")
        else:
            try:
                entered.append(vet(settings, champion, Path(scratch)))
            except ModelRefused as error:
                notes.append(f"There is nothing to be compared with: {error}")
    measured, truth = _measure(entered, listing, progress)
    found = gates(measured[1] if len(measured) > 1 else None, measured[0], truth, margins)
    if seen and (gate := live_gate(seen, margins, live == "require")):
        found.append(gate)
    return Comparison(
        model=settings.model_name, candidate=candidate.version, champion=champion.version if champion else None,
        lists={day: set_digest(listing(name)) for day, name in SETS.items()},
        figures={day: {each.model.version: figures(of.probabilities[day], truth[day], each.model.labels)
                       for each, of in zip(entered, measured, strict=True)} for day in SETS},
        live=seen, gates=found, notes=notes)


def _measure(entered: list[Vetted], listing: Callable[[str], Path],
             progress: Progress) -> tuple[list[Measured], Mapping[str, Classes]]:
    models = [each.model for each in entered]
    truth: dict[str, Classes] = {}
    answers = {}
    for day, name in SETS.items():
        lines = listing(name)
        progress(name, 0, 0)
        loaded = {size: load_set(lines.parent, lines, size) for size in {model.input_size for model in models}}
        truth[day] = loaded[models[0].input_size][1]
        try:
            answers[day] = predict_interleaved(models, [loaded[model.input_size][0] for model in models],
                                               partial(progress, name, len(truth[day])))
        except Rejection as error:
            raise ModelRefused(f"A model cannot be measured on {name}: {error.detail}.") from error
    return [Measured({day: answers[day][number].probabilities for day in SETS}, each.size_mb,
                     1000 * float(np.median(np.concatenate([answers[day][number].seconds for day in SETS]))))
            for number, each in enumerate(entered)], truth


def _live(settings: Settings, champion: Version | None, candidate: Version, mode: LiveMode, margins: Margins,
          notes: list[str]) -> Live | None:
    if champion is None or mode == "ignore":
        return None
    target = engine(settings, "target", "operator")
    try:
        found = read_live(target, champion.version, candidate.version)
    except Unavailable as error:
        if mode == "require":
            raise
        notes.append(f"The comparison in service is left out: {error}")
        return None
    finally:
        target.dispose()
    if found.pairs < margins.live_pairs and mode == "auto":
        notes.append(f"{found.pairs} rows of the stream with known truth were answered by both versions, of which "
                     f"{margins.live_pairs} would count: `cargostream model challenge {candidate.version}` makes more.")
    return found
