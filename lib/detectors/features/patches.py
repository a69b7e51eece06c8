"""Where in an image there is something that no image fitted on has: PatchCore.

Roth et al., Towards total recall in industrial anomaly detection, 2022 (arXiv:2106.08265). Two things differ from the
paper. The coreset is chosen from a random sample of all patches, so that it is found in seconds; and an image's score
is its largest distance as it stands, as in the authors' own code, without the weight of equation 7. Where not a defect
is looked for but another kind of picture, the mean over all patches tells more than the largest: `share`.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

POOL, CORESET, PROJECTED = 20_000, 1_000, 128
CHUNK = 4_000  # patches compared at once with the coreset: 16 MB for 1,000 of it


class Patches:
    """Distance of every patch to the nearest of a coreset of normal patches.

    Attributes:
        seed: of the sample and of the coreset.
        size: how many patches the coreset has; all, where there are fewer.
        share: of an image's patches, those farthest away, whose mean is its score: 0 is the one farthest, 1 is all.
        coreset: the normal patches kept, float32 (n, D).
    """

    learned: ClassVar[tuple[str, ...]] = ("coreset",)

    def __init__(self, seed: int = 555, size: int = CORESET, share: float = 0.0):
        self.seed, self.size, self.share = seed, size, share

    def fit(self, maps: Iterable[np.ndarray], images: int) -> None:
        """Fits to patch features of normal images.

        Args:
            maps: float32 (m, h, w, D) each, batches of images one after another.
            images: how many there are in all, at least one.
        """
        pool = sampled(maps, max(POOL // images, 1), self.seed)
        self.coreset = pool[coreset(pool, self.size, self.seed)]

    def maps(self, maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Anomaly maps, float32 (m, h, w) each, of patch features (m, h, w, D); higher is more abnormal."""
        for batch in maps:
            flat = np.ascontiguousarray(batch).reshape(-1, batch.shape[-1])
            yield nearest(flat, self.coreset).reshape(batch.shape[:3])

    def score(self, maps: Iterable[np.ndarray]) -> np.ndarray:
        """One score an image, float64 (N,), of patch features (m, h, w, D)."""
        return np.concatenate([summary(batch, self.share) for batch in self.maps(maps)])


def summary(maps: np.ndarray, share: float) -> np.ndarray:
    """Mean of the largest values of each map (n, h, w), float64 (n,); of at least one, and of `share` of them all."""
    values = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    count = max(round(share * values.shape[1]), 1)
    return np.sort(values, axis=1)[:, -count:].mean(axis=1, dtype=np.float64)


def sampled(maps: Iterable[np.ndarray], each: int, seed: int) -> np.ndarray:
    """At most `each` patches of every image, drawn without replacement; float32 (n, D)."""
    random, kept = np.random.default_rng(seed), []
    for batch in maps:
        patches = batch.reshape(len(batch), -1, batch.shape[-1])
        kept += [image[random.permutation(len(image))[:each]] for image in patches]
    return np.concatenate(kept)


def coreset(pool: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of patches that no patch of the pool is far from: the greedy choice of k centres.

    Each is the one farthest from all before it (Gonzalez, 1985), which is at most twice as far as the best choice
    leaves. Distances are taken after a random projection to 128 dimensions, as in the paper; the first is the one
    farthest from the mean.

    Args:
        pool: float32 (n, D).
        size: how many to choose; at most as many as there are different patches.
        seed: of the projection.

    Returns:
        int (min(size, n),) at most, in the order in which they were chosen.
    """
    if pool.shape[1] > PROJECTED:
        projection = np.random.default_rng(seed).standard_normal((pool.shape[1], PROJECTED), np.float32)
        pool = pool @ (projection / np.float32(np.sqrt(PROJECTED)))
    pool = pool - pool.mean(axis=0)  # a smaller number to square rounds less
    squares = np.square(pool).sum(axis=1)
    chosen: list[int] = []
    distance = squares  # of the first choice, from the mean; of all others, from the nearest chosen
    for _ in range(min(size, len(pool))):
        farthest = int(distance.argmax())
        if chosen and distance[farthest] <= 1e-6 * squares.max():
            break  # what is left is what has been chosen already, over again
        chosen.append(farthest)
        to_it = squares + squares[farthest] - 2 * (pool @ pool[farthest])
        distance = np.minimum(distance, to_it) if len(chosen) > 1 else to_it
    return np.array(chosen)


def nearest(patches: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Euclidean distance to the nearest known patch, float32 (N,); patches (N, D), known (n, D), both float32."""
    half = np.square(known).sum(axis=1) / 2
    distances = np.empty(len(patches), np.float32)
    for start in range(0, len(patches), CHUNK):
        chunk = patches[start : start + CHUNK]
        index = (chunk @ known.T - half).argmax(axis=1)
        # Found by matrix products, which round; the distance is then taken from the difference itself.
        distances[start : start + len(chunk)] = np.linalg.norm(chunk - known[index], axis=1)
    return distances
