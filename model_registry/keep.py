"""Which old images to learn again together with new ones, so that the new do not drive out the old.

Every selection is a pure function of embeddings float (n, E), class ids int64 (n,), a budget and a random generator.
It returns the rows to keep, different ones, and exactly min(budget, n) of them, so that selections can be compared.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Selection = Callable[[Vectors, Rows, int, np.random.Generator], Rows]
Distances = npt.NDArray[np.float64]
Distance = Callable[[Vectors, Vectors], Distances]


def shares(labels: Rows, budget: int) -> dict[int, int]:
    """How many images of each class to keep: as many of each, and where a class has fewer, all of it."""
    left, quotas = min(budget, len(labels)), {}
    classes, counts = np.unique(labels, return_counts=True)
    order = np.argsort(counts, kind="stable")
    for number, place in enumerate(order):
        # What does not divide goes to the largest classes.
        quotas[int(classes[place])] = min(int(counts[place]), left // (len(order) - number))
        left -= quotas[int(classes[place])]
    return quotas


def at_random(vectors: Vectors, labels: Rows, budget: int, rng: np.random.Generator) -> Rows:
    """As many of each class, drawn evenly."""
    return np.concatenate([rng.choice(np.flatnonzero(labels == label), quota, replace=False)
                           for label, quota in shares(labels, budget).items()])


def grasp(vectors: Vectors, labels: Rows, budget: int, rng: np.random.Generator) -> Rows:
    """As many of each class, prototypical ones more likely: drawn once and without replacement, with weights inverse to
    the distance from the class's mean. Those are GRASP's (Harun et al., arXiv 2308.13646); its order, from prototypical
    to not, is of no use here, as all that is kept is learnt together."""
    kept = []
    for label, quota in shares(labels, budget).items():
        members = np.flatnonzero(labels == label)
        inside = vectors[members].astype(np.float64)
        inverse = 1 / np.maximum(np.linalg.norm(inside - inside.mean(axis=0), axis=1), 1e-9)
        kept.append(rng.choice(members, quota, replace=False, p=inverse / inverse.sum()))
    return np.concatenate(kept)


def l1(one: Vectors, others: Vectors) -> Distances:
    """Sum of the absolute differences of `one`, (E,), to each of `others`, (n, E)."""
    found: Distances = np.abs(others.astype(np.float64) - one).sum(axis=1)
    return found


def l2(one: Vectors, others: Vectors) -> Distances:
    """Euclidean distance: the root of the sum, not the sum of the roots."""
    found: Distances = np.sqrt(((others.astype(np.float64) - one) ** 2).sum(axis=1))
    return found


def cosine(one: Vectors, others: Vectors) -> Distances:
    """1 minus the cosine of the angle."""
    values = others.astype(np.float64)
    found: Distances = 1 - values @ one / np.maximum(np.linalg.norm(values, axis=1) * np.linalg.norm(one), 1e-12)
    return found


def closest_pairs(distance: Distance) -> Selection:
    """The selection that keeps pairs which are easily taken for each other.

    Again and again one image of each class is dealt, the class of the anchor is drawn, and the anchor is kept together
    with the image that is nearest to it among those dealt of the other classes. A class that runs out is left out;
    when all but one have, the images that were dealt and not kept are dealt again.
    """
    def select(vectors: Vectors, labels: Rows, budget: int, rng: np.random.Generator) -> Rows:
        budget = min(budget, len(labels))
        kept: list[int] = []
        piles = _piles(np.arange(len(labels)), labels, rng)
        while len(kept) < budget:
            if len(piles) < 2:
                piles = _piles(np.setdiff1d(np.arange(len(labels)), kept), labels, rng)
            if len(piles) < 2:
                [last] = piles.values()
                kept += last[:budget - len(kept)]
                break
            dealt = [pile.pop() for pile in piles.values()]
            anchor = dealt.pop(int(rng.integers(len(dealt))))
            nearest = dealt[int(distance(vectors[anchor], vectors[dealt]).argmin())]
            kept += [anchor, nearest][:budget - len(kept)]
            piles = {label: pile for label, pile in piles.items() if pile}
        return np.array(kept, np.int64)

    return select


def _piles(rows: Rows, labels: Rows, rng: np.random.Generator) -> dict[int, list[int]]:
    return {int(label): rng.permutation(rows[labels[rows] == label]).tolist() for label in np.unique(labels[rows])}


SELECTIONS: dict[str, Selection] = {
    "random": at_random, "cp_l1norm": closest_pairs(l1), "cp_l2norm": closest_pairs(l2),
    "cp_cosine": closest_pairs(cosine), "grasp": grasp,
}
NONE = "none"
STRATEGIES = (NONE, *SELECTIONS)
EMBEDDED = tuple(name for name in SELECTIONS if name != "random")
"""The strategies that look at embeddings."""
