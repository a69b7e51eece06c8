"""One normal distribution around the embeddings of the images fitted on."""

from typing import ClassVar

import numpy as np

CHUNK = 10_000
FLOOR = 1e-6  # of the mean variance; what the images fitted on do not vary in at all gets this much


class Gaussian:
    """Mahalanobis distance from the embeddings fitted on (Rippel, Mertens and Merhof, 2020, arXiv:2005.14140).

    There are fewer images than dimensions, so their covariance is shrunk towards a multiple of the identity by as much
    as Ledoit and Wolf (2004) found best. Images fitted on score lower than they would had they been left out.

    Attributes:
        mean: of the embeddings, float64 (D,).
        root: a matrix R of the inverse covariance Rᵀ R, float64 (D, D).
    """

    learned: ClassVar[tuple[str, ...]] = ("mean", "root")

    def fit(self, embeddings: np.ndarray) -> None:
        """Fits to embeddings of normal images, (n, D), at least one.

        Where all are alike they say nothing of how normal images differ, and the distance becomes the Euclidean one.
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
        variances = np.maximum(variances, FLOOR * variances.mean())  # of two images, Ledoit and Wolf shrink nothing
        self.root = (axes / np.sqrt(variances)).T

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Mahalanobis distance from the mean, float64 (N,), of embeddings (N, D); its unit is a standard deviation."""
        chunks = [embeddings[start : start + CHUNK] for start in range(0, len(embeddings), CHUNK)]
        return np.concatenate([np.linalg.norm((chunk - self.mean) @ self.root.T, axis=1) for chunk in chunks] or [[]])
