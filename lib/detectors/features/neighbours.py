"""The nearest of the images fitted on, by the direction of their embeddings."""

from typing import ClassVar

import numpy as np

CHUNK = 2_000  # images compared at once with all that were fitted on; 8 MB for every thousand of those


class Neighbours:
    """Mean cosine distance to the nearest embeddings fitted on (Bergman, Cohen and Hoshen, 2020, arXiv:2002.10445).

    An embedding that was fitted on is its own nearest neighbour at distance 0, so it scores lower than it would had it
    been left out: only images held out say how good the detector is.

    Attributes:
        neighbours: how many of the nearest are averaged; all, where fewer were fitted on.
        known: the embeddings fitted on, float32 (n, D), each of length 1.
    """

    learned: ClassVar[tuple[str, ...]] = ("known",)

    def __init__(self, neighbours: int = 2):
        self.neighbours = neighbours

    def fit(self, embeddings: np.ndarray) -> None:
        """Fits to embeddings of normal images, (n, D), at least one."""
        self.known = directions(embeddings)

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Mean cosine distance to the nearest fitted on, float64 (N,) in [0, 2], of embeddings (N, D)."""
        chunks = [embeddings[start : start + CHUNK] for start in range(0, len(embeddings), CHUNK)]
        scores = [nearest_cosine(directions(chunk), self.known, self.neighbours) for chunk in chunks]
        return np.concatenate(scores or [np.empty(0)])

    def left_out(self) -> np.ndarray:
        """Score of each image fitted on, float64 (n,), had it alone been left out; of a single one there is none.

        An image is the nearest to itself, at a distance of 0, so one neighbour more is asked for and none averaged.
        """
        count = min(self.neighbours + 1, len(self.known))
        if count < 2:
            return np.empty(0)
        chunks = [self.known[start : start + CHUNK] for start in range(0, len(self.known), CHUNK)]
        return np.concatenate([nearest_cosine(chunk, self.known, count) for chunk in chunks]) * count / (count - 1)


def directions(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (N, D) at length 1, float32; one of zeros has no direction and stays as it is."""
    embeddings = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.where(lengths > 0, lengths, np.float32(1))


def nearest_cosine(units: np.ndarray, known: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean cosine distance (1 − cosine) of each unit vector to the nearest of known ones.

    Args:
        units: float32 (N, D), each row of length 1.
        known: float32 (n, D), likewise.
        neighbours: how many of the nearest are averaged; at most all n are.

    Returns:
        float64 (N,) in [0, 2].
    """
    count = min(neighbours, len(known))
    nearest = np.argpartition(units @ known.T, len(known) - count, axis=1)[:, -count:]
    # The nearest are found by matrix products, which round; 1 − cosine is then half the squared difference, which is
    # exactly 0 for an image that was fitted on. One neighbour of every image at a time keeps it small.
    squared = [np.square(units - known[column], dtype=np.float64).sum(axis=1) for column in nearest.T]
    return np.mean(squared, axis=0) / 2
