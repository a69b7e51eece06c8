"""PaDiM: the distance of every patch of an image from the normal patches at the same place.

Defard, Setkov, Loesch and Audigier, PaDiM: a patch distribution modeling framework for anomaly detection and
localization, 2020 (arXiv:2011.08785). Each place has a normal distribution of its own, and the score of a patch is its
Mahalanobis distance (equation 2). Three things differ from the paper. Features are projected at random (Bailly et al.
2021, arXiv:2104.13543, use a semi-orthogonal matrix, as here) instead of a random choice of channels. The covariance of
a place is shrunk towards the mean covariance of all places and not towards the identity. And the score of an image is
the mean of a share of its patches, as in `patches`.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from lib.core.errors import UserError
from lib.detectors.features import tiles
from lib.detectors.features.patches import PatchMethod

DIMENSIONS = 200  # of the features after the projection; 100 separates solar cells a little worse
CELLS = 14  # places along a side with a covariance of their own; neighbouring places of larger maps share one
ROUNDING = 1e-10  # as a share of the mean square of features; a smaller variance is rounding


class Positions(PatchMethod):
    """Mahalanobis distance of every patch from the normal patches at its place.

    Memory does not grow with the number of images, neither to fit nor to score: the sums of features and of their
    products are kept, for `CELLS`² covariances at most.

    Attributes:
        tiles: n, where an image is n × n tiles. A place is one of the whole image, and `share` is of a tile.
        projection: float32 (D, d), its columns orthonormal, d at most `DIMENSIONS`.
        mean: of the projected features at each place, float32 (H, W, d), of whole images.
        whitening: of each cell, float32 (h, w, d, d): (x − mean) @ whitening has the identity as its covariance, and
            the Mahalanobis distance as its length.
    """

    layers: ClassVar[int] = 3
    learned: ClassVar[tuple[str, ...]] = ("projection", "mean", "whitening")

    def fit(self, maps: Iterable[np.ndarray], images: int) -> None:
        """Fits to patch features of normal images.

        Args:
            maps: batches of tiles, float32 (m, h, w, D) each, all tiles of an image in one batch.
            images: number of images in all batches, at least 1.
        """
        shift = total = products = None
        square = 0.0
        for batch in maps:
            if shift is None:
                self.projection = projection(batch.shape[-1], DIMENSIONS, self.seed)
            features = self._projected(batch).astype(np.float64)
            if shift is None:  # sums of small numbers round less
                shift, total, products = features.mean(axis=0), 0.0, 0.0
            square += float(np.square(features).sum())
            centred = features - shift
            total = total + centred.sum(axis=0)
            cells = by_cell(centred)
            products = products + np.matmul(cells.swapaxes(2, 3), cells)
        mean = total / images
        own = by_cell(mean[None])
        products -= images * np.matmul(own.swapaxes(2, 3), own)
        counts = by_cell(np.ones((1, *mean.shape[:2], 1))).sum(axis=(2, 3)) * images
        self.mean = (mean + shift).astype(np.float32)
        self.whitening = whitening(products, counts, ROUNDING * square / (images * mean.size))

    def maps(self, maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Heat maps, float32 (m, H, W) each, of patch features; see `lib.detectors.features.patches.Patches.maps`."""
        for batch in maps:
            features = self._projected(batch) - self.mean
            if not len(features):
                yield np.empty(features.shape[:3], np.float32)
                continue
            # Image by image: a product of more rows rounds otherwise, and a score must not depend on the batch.
            whitened = (np.matmul(by_cell(image[None]), self.whitening) for image in features)
            distances = [np.linalg.norm(each, axis=3, keepdims=True) for each in whitened]
            yield from_cells(np.concatenate(distances, axis=2), features.shape[:3])

    def _projected(self, batch: np.ndarray) -> np.ndarray:
        """Projected features of whole images, float32 (m, H, W, d), of those of tiles.

        Raises:
            UserError: the features are not those fitted on; earlier versions used two layers of the network.
        """
        if batch.shape[-1] != len(self.projection):
            raise UserError("features: fitted on other layers of the network than those used now; fit it again")
        return tiles.joined(np.asarray(batch, np.float32) @ self.projection, self.tiles)


def projection(dimensions: int, fewer: int, seed: int) -> np.ndarray:
    """A random matrix with orthonormal columns, float32 (`dimensions`, `fewer` at most)."""
    if dimensions <= fewer:
        return np.eye(dimensions, dtype=np.float32)
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dimensions, fewer)))[0].astype(np.float32)


def by_cell(maps: np.ndarray) -> np.ndarray:
    """The vectors of each cell, (h, w, m · s², d), of maps (m, H, W, d); zeros where a cell goes past the border.

    A cell is s × s places, s the smallest number such that there are `CELLS` along a side at most.
    """
    count, height, width, dimensions = maps.shape
    side = cell_side(height, width)
    rows, columns = -(-height // side), -(-width // side)
    padded = np.zeros((count, rows * side, columns * side, dimensions), maps.dtype)
    padded[:, :height, :width] = maps
    cells = padded.reshape(count, rows, side, columns, side, dimensions).transpose(1, 3, 0, 2, 4, 5)
    return cells.reshape(rows, columns, count * side**2, dimensions)


def from_cells(cells: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Maps (m, H, W) of that shape, of what `by_cell` made of them with d = 1."""
    count, height, width = shape
    side = cell_side(height, width)
    rows, columns = cells.shape[:2]
    grid = cells.reshape(rows, columns, count, side, side).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(grid.reshape(count, rows * side, columns * side)[:, :height, :width])


def cell_side(height: int, width: int) -> int:
    """Places along the side of a cell."""
    return -(-max(height, width) // CELLS)


def whitening(products: np.ndarray, counts: np.ndarray, rounding: float) -> np.ndarray:
    """The matrix of each cell that makes its covariance the identity.

    A covariance is estimated from n vectors of d numbers, and n may be less than d. So it is (n S + d P) / (n + d),
    where S is that of the cell and P that of all cells, which is shrunk towards a multiple of the identity likewise.

    Args:
        products: sums of the products of centred features of each cell, float64 (h, w, d, d).
        counts: number of vectors in each cell, (h, w).
        rounding: mean variance that is none; then there is nothing to divide by, and distances become Euclidean.

    Returns:
        float32 (h, w, d, d).
    """
    dimensions = products.shape[-1]
    pooled = products.sum(axis=(0, 1)) / counts.sum()
    variance = np.trace(pooled) / dimensions
    if variance <= rounding:
        return np.broadcast_to(np.eye(dimensions, dtype=np.float32), products.shape).copy()
    pooled = (counts.sum() * pooled + dimensions * variance * np.eye(dimensions)) / (counts.sum() + dimensions)
    covariances = (products + dimensions * pooled) / (counts[..., None, None] + dimensions)
    # In C order, as it is when loaded again: a product of the other order rounds otherwise.
    return np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(2, 3).astype(np.float32, order="C")
