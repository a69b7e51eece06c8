"""One normal distribution of the embeddings of the images fitted on."""

from typing import ClassVar

import numpy as np

CHUNK = 10_000
FLOOR = 1e-6  # smallest variance in any direction, as a share of the mean variance


class Gaussian:
    """Mahalanobis distance from the embeddings fitted on (Rippel, Mertens and Merhof, 2020, arXiv:2005.14140).

    There are fewer images than dimensions, so the covariance is shrunk towards a multiple of the identity (Ledoit and
    Wolf, 2004). Images fitted on score lower than they would if they had been left out.

    Attributes:
        mean: of the embeddings, float64 (D,).
        axes: principal axes of the embeddings, float64 (k, D), k at most the number of images.
        variances: along each axis, and last in every other direction, float64 (k + 1,).
    """

    learned: ClassVar[tuple[str, ...]] = ("mean", "axes", "variances")

    def fit(self, embeddings: np.ndarray) -> None:
        """Fits to embeddings of normal images, (n, D), at least one.

        Where all are equal there is no variance to estimate, and the distance becomes the Euclidean one.
        """
        from sklearn.covariance import ledoit_wolf_shrinkage

        embeddings = embeddings.astype(np.float64)
        self.mean = embeddings.mean(axis=0)
        centred = embeddings - self.mean
        if np.abs(centred).max() <= 1e-6 * np.abs(embeddings).max():
            self.axes, self.variances = np.empty((0, embeddings.shape[1])), np.ones(1)
            return
        # Of the covariance's D axes only those that the images span are computed: few, and the others are all alike.
        _, lengths, self.axes = np.linalg.svd(centred, full_matrices=False)
        shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
        mean = np.square(centred).mean()
        variances = (1 - shrinkage) * np.append(lengths**2 / len(centred), 0) + shrinkage * mean
        self.variances = np.maximum(variances, FLOOR * mean)  # for two images the shrinkage is 0

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Mahalanobis distance from the mean, float64 (N,), of embeddings (N, D); its unit is a standard deviation."""
        chunks = [embeddings[start : start + CHUNK] for start in range(0, len(embeddings), CHUNK)]
        return np.concatenate([self._distances(chunk - self.mean) for chunk in chunks] or [[]])

    def _distances(self, centred: np.ndarray) -> np.ndarray:
        along = centred @ self.axes.T
        other = np.square(centred - along @ self.axes).sum(axis=1)
        return np.sqrt(np.square(along) @ (1 / self.variances[:-1]) + other / self.variances[-1])
