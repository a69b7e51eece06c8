"""What the shortcuts share.

A shortcut looks at nothing in the image. Where one separates anomalies from normal images, the data set gives its
classes away by how its files were made, and a high AUROC of any other detector proves less. Which way anomalies lie
cannot be known without looking at them, so each shortcut scores the distance from the median in either direction.
"""

from abc import abstractmethod

import numpy as np

from lib.detectors.base import Detector, History, Images


class FromMedian(Detector):
    """Absolute difference of one number an image to the median of that number over the images fitted on."""

    learned = ("median",)

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Takes the median over the images at `indices`; there is no history."""
        self.median = np.median(self.values(images)[indices])
        return {}

    def score(self, images: Images) -> np.ndarray:
        """Absolute difference to the median, float64 (N,)."""
        return np.abs(self.values(images) - self.median)

    @abstractmethod
    def values(self, images: Images) -> np.ndarray:
        """The number that is compared, float64 (N,)."""
