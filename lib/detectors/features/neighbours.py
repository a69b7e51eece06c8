"""Distances to the nearest of the images fitted on."""

from typing import ClassVar

import numpy as np


class Neighbours:
    """Mean cosine distance to the nearest embeddings fitted on (Bergman, Cohen and Hoshen, 2020, arXiv:2002.10445).

    An embedding that was fitted on is its own nearest neighbour at distance 0, so it scores lower than it would had it
    been left out: only images held out say how good the detector is.

    Attributes:
        neighbours: how many of the nearest are averaged; all, where fewer were fitted on.
        pieces: embeddings of each image, which follow one another: one for each tile.
        known: the embeddings fitted on, float32 (n, D), each of length 1.
    """

    learned: ClassVar[tuple[str, ...]] = ("known",)

    def __init__(self, neighbours: int = 2, pieces: int = 1):
        self.neighbours, self.pieces = neighbours, pieces

    def fit(self, embeddings: np.ndarray) -> None:
        """Fits to embeddings of normal images, (n, D), at least one."""
        self.known = directions(embeddings)

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Mean cosine distance to the nearest fitted on, float64 (N,) in [0, 2], of embeddings (N, D)."""
        return nearest_cosine(directions(embeddings), self.known, self.neighbours)

    def left_out(self) -> np.ndarray:
        """Score of each image fitted on, float64 (images,), by a detector fitted on all others; empty without others.

        The nearest of an embedding are those of its own image, itself at distance 0. So as many more are searched as an
        image has, and its own are not averaged. With several, the image has the highest score of them.
        """
        if len(self.known) <= self.pieces:
            return np.empty(0)
        found = nearest(self.known, self.known, self.neighbours + self.pieces)
        other = found // self.pieces != (np.arange(len(found)) // self.pieces)[:, None]
        used = other & (other.cumsum(axis=1) <= self.neighbours)
        # One neighbour of every embedding at a time, so that memory does not grow with their number.
        distances = [squared_length(self.known - self.known[column]) / 2 for column in found.T]
        scores = np.sum([distance * use for distance, use in zip(distances, used.T, strict=True)], axis=0)
        return (scores / used.sum(axis=1)).reshape(-1, self.pieces).max(axis=1)


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
    found = nearest(units, known, neighbours)
    # One neighbour of every image at a time, so that memory does not grow with their number.
    return np.mean([squared_length(units - known[column]) / 2 for column in found.T], axis=0)


def nearest_distance(vectors: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Euclidean distance of each vector (N, D) to the nearest of the known ones (n, D), float64 (N,)."""
    return np.sqrt(squared_length(vectors - known[nearest(vectors, known, 1)[:, 0]]))


def nearest(vectors: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Indices of the nearest known vectors by Euclidean distance, int (N, `count`), or (N, n) where n is smaller.

    A distance is computed from the difference of two vectors: the library's own distances are rounded matrix products,
    and not exactly 0 for equal vectors.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(known))
    if not len(vectors):  # the library refuses none
        return np.empty((0, count), int)
    library = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(known)
    return library.kneighbors(vectors, return_distance=False)


def squared_length(vectors: np.ndarray) -> np.ndarray:
    """Squared length of each vector (N, D), summed in float64: (N,)."""
    return np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
