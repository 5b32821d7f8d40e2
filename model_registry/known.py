"""What a model's days look like to it: the reference that travels with the artifact."""

import numpy as np
import numpy.typing as npt

from cargostream.reference import STATISTICS, Reference, embedding_distance
from cargostream.served import softmax
from model_registry.fit import run
from model_registry.lesson import Lesson
from model_registry.network import GroundNet

Signatures = tuple[list[str], npt.NDArray[np.float32]]
"""Names of kinds of damage, and how each shifts the image statistics, (k, 8); see `Reference`."""


def reference_of(network: GroundNet, lesson: Lesson, learnt: npt.NDArray[np.float32],
                 signatures: Signatures) -> Reference:
    """The reference of a trained and calibrated network. `learnt` are its embeddings of the training images, (n, E)."""
    logits, embeddings = run(network, lesson.known.pixels)
    labels = lesson.train.labels
    centroids = np.stack([learnt[labels == label].mean(axis=0) for label in np.unique(labels)])
    kinds, shifts = signatures
    return Reference(
        days=np.array(lesson.days), day=lesson.day, probabilities=softmax(logits),
        statistics=lesson.known.statistics,
        embedding_distance=np.array([embedding_distance(centroids, each) for each in embeddings], np.float32),
        centroids=centroids, kinds=np.array(kinds, np.str_), shifts=shifts.reshape(len(kinds), 2 * len(STATISTICS)))
