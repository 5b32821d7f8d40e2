"""What a training learns from: one day, both with what is kept of the old one, or sets that somebody names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cargostream.errors import CargostreamError, UsageError
from cargostream.labels import CARGO_LABELS
from model_registry.keep import NONE, SELECTIONS
from model_registry.load import Images
from model_registry.splits import TEST, TRAIN, VALIDATION, split

OLD, NEW = "monday", "tuesday"
DAYS = {OLD: (OLD,), NEW: (NEW,), "both": (OLD, NEW)}

Load = Callable[[str], Images]
"""From a set's name to its images."""

Embed = Callable[[str], npt.NDArray[np.float32]]
"""From a set's name to embeddings of its images, (n, E), in the set's order."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """`train` is learnt; `clean` (n,) tells which of it is of an undamaged day, and `kept` counts those of an old one.
    `validation` decides how sure the model may be. `known` becomes the reference: images of days that it knows and has
    not learnt; `day` (n,) tells which of `days` each of them is of. On `test` the result is measured, and nothing is
    chosen by it; None if only other sets measure."""

    train: Images
    clean: npt.NDArray[np.bool_]
    validation: Images
    known: Images
    days: tuple[str, ...]
    day: npt.NDArray[np.int64]
    kept: int = 0
    test: Images | None = None


def lesson_of_days(days: str, keep: str, budget: int, seed: int, load: Load, embed: Embed) -> Lesson:
    """`days` is a key of DAYS. Of a single day, its whole training split is learnt. Of both, the new day's and what the
    strategy `keep` selects of the old day's, at most `budget` images; `embed` is called if the strategy needs it."""
    parts = {name: _parts(load(name)) for name in DAYS[days]}
    images = {name: load(name) for name in parts}
    learnt = {name: np.flatnonzero(part == TRAIN) for name, part in parts.items()}
    kept = 0
    if days == "both":
        learnt[OLD] = selected(images[OLD], learnt[OLD], keep, budget, seed, lambda: embed(OLD))
        kept = len(learnt[OLD])
    order = tuple(reversed(DAYS[days]))  # the new day first, as what is kept is added to it
    known = [images[name].where(parts[name] != TRAIN) for name in DAYS[days]]
    return Lesson(
        train=_joined([images[name].where(learnt[name]) for name in order]),
        clean=np.concatenate([np.full(len(learnt[name]), name == OLD) for name in order]),
        validation=_joined([images[name].where(parts[name] == VALIDATION) for name in order]),
        known=_joined(known), days=DAYS[days], day=np.repeat(np.arange(len(known)), [len(each) for each in known]),
        kept=kept, test=_joined([images[name].where(parts[name] == TEST) for name in order]))


def selected(images: Images, rows: npt.NDArray[np.int64], keep: str, budget: int, seed: int,
             embed: Callable[[], npt.NDArray[np.float32]]) -> npt.NDArray[np.int64]:
    """Those of the `rows` of a set that the strategy keeps; all, if the budget allows it."""
    if keep == NONE:
        return rows[:0]
    if budget >= len(rows):
        return rows
    vectors = embed()[rows] if keep != "random" else np.zeros((len(rows), 0), np.float32)
    return rows[SELECTIONS[keep](vectors, images.labels[rows], budget, np.random.default_rng(seed))]


def lesson_of_sets(sets: Sequence[str], reference: str | None, load: Load) -> Lesson:
    """All of the sets but what validates is learnt: the test is what they are measured on. The reference is the set
    `reference`, or else what validates."""
    images = _joined([load(name) for name in sets])
    validates = _parts(images) == VALIDATION
    known = load(reference) if reference else images.where(validates)
    train = images.where(~validates)
    return Lesson(train=train, clean=np.full(len(train), True), validation=images.where(validates), known=known,
                  days=(reference or "+".join(sets),), day=np.zeros(len(known), np.int64))


def check(lesson: Lesson, apart: Mapping[str, Iterable[str]]) -> None:
    """What is measured on, and a reference that is a set of its own, must not have been learnt: `apart` has the digests
    of the images of each such set by its name.

    Raises:
        UsageError: there are too few images to learn a class.
        CargostreamError: an image of them has been.
    """
    used = set(lesson.train.digests) | set(lesson.validation.digests)
    for name, digests in apart.items():
        if shared := used & set(digests):
            raise CargostreamError(f"{len(shared)} images of {name} are also among those to learn from: what is "
                                   f"measured must not have been learnt.")
    if missing := set(range(len(CARGO_LABELS))) - set(lesson.train.labels.tolist()):
        names = ", ".join(CARGO_LABELS[each] for each in sorted(missing))
        raise UsageError(f"There is no image of {names} to learn from.")


def _parts(images: Images) -> npt.NDArray[np.int64]:
    return split(images.digests.tolist(), images.labels)


def _joined(parts: Sequence[Images]) -> Images:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + part
    return joined
