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
        root: matrix R such that Rᵀ R is the inverse covariance, float64 (D, D).
    """

    learned: ClassVar[tuple[str, ...]] = ("mean", "root")

    def fit(self, embeddings: np.ndarray) -> None:
        """Fits to embeddings of normal images, (n, D), at least one.

        Where all are equal there is no variance to estimate, and the distance becomes the Euclidean one.
        """
        from sklearn.covariance import ledoit_wolf

        embeddings = embeddings.astype(np.float64)
        self.mean = embeddings.mean(axis=0)
        centred = embeddings - self.mean
        if np.abs(centred).max() <= 1e-6 * np.abs(embeddings).max():
            self.root = np.eye(embeddings.shape[1])
            return
        covariance, _ = ledoit_wolf(centred, assume_centered=True)
        variances, axes = np.linalg.eigh(covariance)
        variances = np.maximum(variances, FLOOR * variances.mean())  # for two images the shrinkage is 0
        self.root = (axes / np.sqrt(variances)).T

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Mahalanobis distance from the mean, float64 (N,), of embeddings (N, D); its unit is a standard deviation."""
        chunks = [embeddings[start : start + CHUNK] for start in range(0, len(embeddings), CHUNK)]
        return np.concatenate([np.linalg.norm((chunk - self.mean) @ self.root.T, axis=1) for chunk in chunks] or [[]])
