"""PatchCore: the distance of every patch of an image to the nearest patch of the images fitted on.

Roth et al., Towards total recall in industrial anomaly detection, 2022 (arXiv:2106.08265). Two things differ from the
paper. The coreset is selected from a random sample of all patches, which takes seconds; and the score of an image is
its largest distance without the weight of equation 7, as in the authors' own code. Where anomalies are images of
another kind and not defects, the mean over all patches (`share`) separates better than the largest distance.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from lib.detectors.features import tiles

POOL, CORESET, PROJECTED = 20_000, 1_000, 128
CHUNK = 4_000  # patches compared at once with the coreset: 16 MB for 1,000 of it


class PatchMethod:
    """What the methods for patches have in common: an image's score is a summary of its heat map.

    Attributes:
        seed: of every random draw.
        share: share of the patches of an image, worst first, whose mean is its score; 0: only the worst.
        tiles: n, where an image is n × n tiles, each with a map of its own; it has the highest score of its tiles, so
            that `share` is of a tile, and a small defect of a large image counts as much as in a small image.
        layers: how many layers of the network patch features are made of.
    """

    layers: ClassVar[int] = 2

    def __init__(self, seed: int = 555, share: float = 0.0, tiles: int = 1):
        self.seed, self.share, self.tiles = seed, share, tiles

    def score(self, maps: np.ndarray) -> np.ndarray:
        """Anomaly scores, float64 (m,), of heat maps of whole images, as `maps` gives them."""
        tiled = tiles.cut(maps[..., None], self.tiles)[..., 0]
        return summary(tiled, self.share).reshape(len(maps), self.tiles**2).max(axis=1)


class Patches(PatchMethod):
    """Distance of every patch to the nearest of a coreset of normal patches.

    Attributes:
        size: number of patches in the coreset; all, where there are fewer.
        coreset: the normal patches that others are compared with, float32 (n, D).
    """

    learned: ClassVar[tuple[str, ...]] = ("coreset",)

    def __init__(self, seed: int = 555, size: int = CORESET, share: float = 0.0, tiles: int = 1):
        super().__init__(seed, share, tiles)
        self.size = size

    def fit(self, maps: Iterable[np.ndarray], images: int) -> None:
        """Fits to patch features of normal images.

        Args:
            maps: batches of tiles, float32 (m, h, w, D) each, all tiles of an image in one batch.
            images: number of images in all batches, 1 to `POOL`.
        """
        pool = sampled(maps, POOL // images, self.seed, self.tiles**2)
        self.coreset = pool[coreset(pool, self.size, self.seed)]

    def maps(self, maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Heat maps, float32 (m, h, w) each, of patch features (m, h, w, D); higher is more abnormal.

        Those of the tiles of an image are joined: (m · n², h, w, D) to (m, n · h, n · w).
        """
        for batch in maps:
            flat = np.ascontiguousarray(batch).reshape(-1, batch.shape[-1])
            yield tiles.joined(nearest(flat, self.coreset).reshape(batch.shape[:3]), self.tiles)


def summary(maps: np.ndarray, share: float) -> np.ndarray:
    """Mean of the largest values of each map (n, h, w), float64 (n,): of a share of all values, at least one."""
    values = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    count = max(round(share * values.shape[1]), 1)
    return np.sort(values, axis=1)[:, -count:].mean(axis=1, dtype=np.float64)


def sampled(maps: Iterable[np.ndarray], count: int, seed: int, pieces: int = 1) -> np.ndarray:
    """At most `count` patches of every image, which is `pieces` maps, drawn without replacement; float32 (n, D)."""
    random, sample = np.random.default_rng(seed), []
    for batch in maps:
        patches = batch.reshape(len(batch) // pieces, -1, batch.shape[-1])
        sample += [image[random.permutation(len(image))[:count]] for image in patches]
    return np.concatenate(sample)


def coreset(pool: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of patches such that every patch of the pool is near one of them: greedy k-centre selection.

    Each patch selected is the one farthest from those selected before (Gonzalez, 1985); the largest distance that
    remains is at most twice the smallest possible. Distances are computed after a random projection to 128 dimensions,
    as in the paper; the first patch is the one farthest from the mean.

    Args:
        pool: float32 (n, D).
        size: number of patches to select; fewer where the pool has fewer different ones.
        seed: of the projection.

    Returns:
        int (`size`,) at most, in the order of selection.
    """
    if pool.shape[1] > PROJECTED:
        projection = np.random.default_rng(seed).standard_normal((pool.shape[1], PROJECTED), np.float32)
        pool = pool @ (projection / np.float32(np.sqrt(PROJECTED)))
    pool = pool - pool.mean(axis=0)  # squares of smaller numbers round less
    squares = np.square(pool).sum(axis=1)
    selected: list[int] = []
    distance = squares  # squared, to the nearest of those selected; at first to the mean
    for _ in range(min(size, len(pool))):
        farthest = int(distance.argmax())
        if selected and distance[farthest] <= 1e-6 * squares.max():
            break  # the patches that remain are equal to some that are selected
        selected.append(farthest)
        to_farthest = squares + squares[farthest] - 2 * (pool @ pool[farthest])
        distance = np.minimum(distance, to_farthest) if len(selected) > 1 else to_farthest
    return np.array(selected)


def nearest(patches: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Euclidean distance to the nearest known patch, float32 (N,); patches (N, D), known (n, D), both float32."""
    half = np.square(known).sum(axis=1) / 2
    distances = np.empty(len(patches), np.float32)
    for start in range(0, len(patches), CHUNK):
        chunk = patches[start : start + CHUNK]
        index = (chunk @ known.T - half).argmax(axis=1)
        # Matrix products find the nearest and round, so the distance is computed from the difference.
        distances[start : start + len(chunk)] = np.linalg.norm(chunk - known[index], axis=1)
    return distances
