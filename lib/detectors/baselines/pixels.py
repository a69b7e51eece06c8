"""Reference detectors on pixels as they are: distance to the mean, edges, principal components."""

import numpy as np

from lib.detectors import batches
from lib.detectors.baselines.base import Reference, luma

COMPONENTS = 256  # as many numbers an image as a usual latent vector has


class MeanImage(Reference):
    """How far an image is from the mean of the images fitted on: what brightness and layout alone tell."""

    how = "the mean squared difference to the mean of the images fitted on"
    learned = ("mean",)

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C); there is no history."""
        self.mean = _mean(images)
        return {}

    def score(self, images: np.ndarray) -> np.ndarray:
        """Mean squared difference to the mean image, float64 (N,) in [0, 1]; images uint8 (N, H, W, C)."""
        return batches.mean_squared_error(images, lambda batch: self.mean)


class EdgeEnergy(Reference):
    """How much there is in an image: the mean magnitude of its luma's gradient, by forward differences.

    More edges is taken for more abnormal, whatever the normal class looks like: a plain object before a plain ground
    is what a reconstruction reproduces best, so a detector that merely measures detail scores like this one. Nothing
    is learned.
    """

    how = "the mean magnitude of the luma's gradient (more edges, more abnormal)"

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Learns nothing of the images."""
        return {}

    def score(self, images: np.ndarray) -> np.ndarray:
        """Mean gradient magnitude per pixel, float64 (N,) in [0, √2]; images uint8 (N, H, W, C), at least 2 × 2."""
        return np.concatenate([_edges(luma(batch)) for batch in batches.batches(images)] or [np.empty(0)])


class PCAReconstruction(Reference):
    """How much of an image the first principal components of the images fitted on leave out.

    It is the best linear autoencoder of its size; 256 components, or one fewer than there are images, or as many as
    an image has values. With all of them, images that were fitted on are reconstructed exactly, so only images held
    out say how good it is. Images enlarged from fewer pixels have no more components than those: beyond, what is left
    over is rounding.
    """

    how = f"the mean squared error after projection on up to {COMPONENTS} principal components"
    learned = ("mean", "components")

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C); there is no history."""
        from sklearn.decomposition import PCA

        self.mean = _mean(images)
        flat = np.concatenate([(batch - self.mean).reshape(len(batch), -1) for batch in batches.batches(images)])
        count = min(COMPONENTS, len(flat) - 1, flat.shape[1])
        # "auto" is randomised where far fewer components than images are asked for, and exact elsewhere.
        with np.errstate(invalid="ignore", divide="ignore"):  # shares of no variance, which nobody reads
            found = PCA(count, svd_solver="auto", random_state=0).fit(flat) if count else None
        self.components = found.components_ if found else np.empty((0, flat.shape[1]), np.float32)
        return {}

    def score(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of the reconstruction, float64 (N,); images uint8 (N, H, W, C)."""
        return batches.mean_squared_error(images, self._reconstruct)

    def _reconstruct(self, batch: np.ndarray) -> np.ndarray:
        weights = (batch - self.mean).reshape(len(batch), -1) @ self.components.T
        return self.mean + (weights @ self.components).reshape(batch.shape)


def _mean(images: np.ndarray) -> np.ndarray:
    """Mean image, float32 (H, W, C) in [0, 1]."""
    total = sum(batch.sum(axis=0, dtype=np.float64) for batch in batches.batches(images))
    return (total / len(images)).astype(np.float32)


def _edges(grey: np.ndarray) -> np.ndarray:
    """Mean length of (right less here, below less here), float64 (n,), of grey images (n, H, W)."""
    here = grey[:, :-1, :-1]
    return np.hypot(grey[:, :-1, 1:] - here, grey[:, 1:, :-1] - here).mean(axis=(1, 2), dtype=np.float64)
