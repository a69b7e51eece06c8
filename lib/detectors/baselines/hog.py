"""Histograms of oriented gradients, and the nearest image by them."""

import numpy as np

from lib.detectors import batches
from lib.detectors.base import register
from lib.detectors.baselines.pixels import PixelDetector
from lib.detectors.features.neighbours import nearest_distance


@register("hog", family="baseline", title="HOG nearest neighbour")
class HOGNearestNeighbour(PixelDetector):
    """Scores by the distance to the nearest image fitted on, by histograms of oriented gradients (HOG).

    The settings are those of Dalal and Triggs (2005, "Histograms of oriented gradients for human detection"): 9
    orientations without sign, cells of 8 × 8 pixels, blocks of 2 × 2 cells normalised by L2-Hys, and of a colour
    image the gradient of the channel where it is largest. Some other settings do better on Caltech101; these are the
    published ones. An image that was fitted on has distance 0, so only images held out say how good it is.
    """

    learned = ("known",)

    def learn_pixels(self, images: np.ndarray) -> None:
        """Takes the features of normal images, uint8 (n, H, W, C), at least 16 × 16."""
        self.known = np.concatenate([features(batch) for batch in batches.batches(images)])

    def score_pixels(self, images: np.ndarray) -> np.ndarray:
        """Euclidean distance to the nearest image fitted on, float64 (N,)."""
        parts = [nearest_distance(features(batch), self.known) for batch in batches.batches(images)]
        return np.concatenate(parts or [np.empty(0)])


def features(images: np.ndarray) -> np.ndarray:
    """HOG features, float32 (n, F), of images (n, H, W, C) in [0, 1]; F is 4,356 at 96 × 96 pixels.

    Raises:
        ValueError: the images are smaller than one block, 16 × 16 pixels.
    """
    from skimage.feature import hog

    if min(images.shape[1:3]) < 16:
        raise ValueError(f"HOG: images of {images.shape[1]} × {images.shape[2]} pixels; one block takes 16 × 16")
    settings = {"orientations": 9, "pixels_per_cell": (8, 8), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
    return np.stack([hog(image, channel_axis=-1, **settings) for image in images]).astype(np.float32)
