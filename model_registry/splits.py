"""Which images are learnt from, which decide about a training, which only measure it: by digest, and so for ever."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

TRAIN, VALIDATION, TEST = 0, 1, 2

HELD_OUT = 0.1
"""Share of the images of each class for validation, and the same share again for the test."""


def split(digests: Sequence[str], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """TRAIN, VALIDATION or TEST for each image, (n,): 80, 10 and 10 per cent of each class.

    It depends on which images there are, not on their order or on any seed. Copies of an image stay together. A class
    of three images or more is in all three parts; of two, the test has none; a single one is learnt from.
    """
    parts = np.full(len(labels), TRAIN)
    names = np.asarray(digests)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        # Hashed once more, so that digests which somebody chose or sorted by do not decide.
        ranked = sorted(set(names[members]), key=lambda digest: hashlib.sha256(digest.encode()).digest())
        held = max(1, round(HELD_OUT * len(ranked)))
        validation = ranked[:min(held, len(ranked) - 1)]
        test = ranked[held:held + min(held, max(0, len(ranked) - 1 - held))]
        parts[members[np.isin(names[members], validation)]] = VALIDATION
        parts[members[np.isin(names[members], test)]] = TEST
    return parts
