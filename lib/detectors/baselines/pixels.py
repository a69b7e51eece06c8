"""What the baselines on pixels share."""

from abc import abstractmethod

import numpy as np

from lib.detectors import batches
from lib.detectors.base import Detector, History, ImageOptions, Images

FITTED = 256 * 2**20  # bytes of images fitted on at most: 9,700 colour images of 96 px, 340 of 512 px


class PixelDetector(Detector):
    """A detector that is fitted to pixels and scores pixels."""

    options: ImageOptions

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits to the images at `indices`, evenly spaced ones where they are too many; there is no history."""
        pixels = images.pixels(self.options.image_size)
        self.learn_pixels(np.asarray(pixels[batches.spaced(indices, max(FITTED // pixels[:1].nbytes, 2))]))
        return {}

    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores, float64 (N,)."""
        return self.score_pixels(images.pixels(self.options.image_size))

    @abstractmethod
    def learn_pixels(self, images: np.ndarray) -> None:
        """Fits to normal images, uint8 (n, H, W, C)."""

    @abstractmethod
    def score_pixels(self, images: np.ndarray) -> np.ndarray:
        """Scores of images, uint8 (N, H, W, C), may be a memory map."""


def luma(images: np.ndarray) -> np.ndarray:
    """Grey images (N, H, W) of colour or grey ones (N, H, W, C): red, green and blue weigh 0.299, 0.587, 0.114."""
    return images[..., 0] if images.shape[-1] == 1 else images @ np.array([0.299, 0.587, 0.114], images.dtype)


def mean_image(images: np.ndarray) -> np.ndarray:
    """Mean of images uint8 (N, H, W, C): float32 (H, W, C) in [0, 1]."""
    total = sum(batch.sum(axis=0, dtype=np.float64) for batch in batches.batches(images))
    return (total / len(images)).astype(np.float32)
