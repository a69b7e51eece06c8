"""Histograms of oriented gradients, and the nearest image by them."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lib.detectors import batches
from lib.detectors.base import register
from lib.detectors.baselines.pixels import PixelDetector
from lib.detectors.features.neighbours import nearest_distance

CELL = 8  # pixels
TINY = 1e-12  # of a block's length, below which it counts as without a gradient


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

    rows, columns = (side // CELL for side in images.shape[1:3])
    if min(rows, columns) < 2:
        raise ValueError(f"HOG: images of {images.shape[1]} × {images.shape[2]} pixels; one block takes 16 × 16")

    def histograms(image: np.ndarray) -> np.ndarray:
        """Of all cells, (rows, columns, 9), as one block; scikit-image normalises blocks one by one, in Python."""
        settings = {"pixels_per_cell": (CELL, CELL), "cells_per_block": (rows, columns), "block_norm": "L1"}
        return hog(image, orientations=9, channel_axis=-1, feature_vector=False, **settings)[0, 0]

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of it is computed without Python's lock
        cells = np.stack(list(pool.map(histograms, images)))
    blocks = np.lib.stride_tricks.sliding_window_view(cells, (2, 2), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    blocks = _unit(np.minimum(_unit(blocks), 0.2))
    return blocks.reshape(len(images), -1).astype(np.float32)


def _unit(blocks: np.ndarray) -> np.ndarray:
    """Blocks (n, h, w, 2, 2, 9) of length 1; those without a gradient stay 0."""
    return blocks / np.maximum(np.sqrt((blocks**2).sum(axis=(3, 4, 5), keepdims=True)), TINY)
