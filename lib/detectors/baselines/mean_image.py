"""Distance to the mean of the images fitted on."""

import numpy as np

from lib.detectors import batches
from lib.detectors.base import register
from lib.detectors.baselines.pixels import PixelDetector, mean_image


@register("mean_image", family="baseline", title="mean image distance")
class MeanImage(PixelDetector):
    """Scores by the mean squared difference to the mean image, in [0, 1]: what brightness and layout alone tell."""

    learned = ("mean",)

    def learn_pixels(self, images: np.ndarray) -> None:
        """Takes the mean of normal images, uint8 (n, H, W, C)."""
        self.mean = mean_image(images)

    def score_pixels(self, images: np.ndarray) -> np.ndarray:
        """Mean squared difference to the mean image, float64 (N,) in [0, 1]."""
        return batches.mean_squared_error(images, lambda batch: self.mean)
