"""What principal components leave out of an image."""

import numpy as np
from pydantic import Field

from lib.detectors import batches
from lib.detectors.base import ImageOptions, register
from lib.detectors.baselines.pixels import PixelDetector, mean_image


class PCAOptions(ImageOptions):
    """Options of the PCA reconstruction."""

    components: int = Field(256, ge=1, le=8192, description="principal components at most")


@register("pca", family="baseline", title="PCA reconstruction", options=PCAOptions)
class PCAReconstruction(PixelDetector):
    """Scores by the mean squared error after projection on the first principal components of the images fitted on.

    It is the best linear autoencoder of its size: the components asked for, or one fewer than there are images, or as
    many as an image has values. With all of them, images fitted on are reconstructed exactly, so only images held out
    say how good it is.
    """

    options: PCAOptions
    learned = ("mean", "components")

    def learn_pixels(self, images: np.ndarray) -> None:
        """Finds the components of normal images, uint8 (n, H, W, C)."""
        from sklearn.decomposition import PCA

        self.mean = mean_image(images)
        flat = np.concatenate([(batch - self.mean).reshape(len(batch), -1) for batch in batches.batches(images)])
        count = min(self.options.components, len(flat) - 1, flat.shape[1])
        self.components = np.empty((0, flat.shape[1]), np.float32)
        if count:
            # "auto" is randomised where far fewer components than images are asked for, and exact elsewhere. Shares of
            # no variance divide by zero; they are not used.
            with np.errstate(invalid="ignore", divide="ignore"):
                self.components = PCA(count, svd_solver="auto", random_state=0).fit(flat).components_

    def score_pixels(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of the reconstruction, float64 (N,)."""
        return batches.mean_squared_error(images, self._reconstruct)

    def _reconstruct(self, batch: np.ndarray) -> np.ndarray:
        weights = (batch - self.mean).reshape(len(batch), -1) @ self.components.T
        return self.mean + (weights @ self.components).reshape(batch.shape)
