"""How much detail there is in an image."""

import numpy as np

from lib.detectors import batches
from lib.detectors.base import register
from lib.detectors.baselines.pixels import PixelDetector, luma


@register("edge_energy", family="baseline", title="edge energy")
class EdgeEnergy(PixelDetector):
    """Scores by the mean magnitude of the luma's gradient, by forward differences; nothing is learned.

    More edges counts as more abnormal, whatever the normal class looks like. A plain object before a plain background
    is what an autoencoder reproduces best, so an autoencoder that merely measures detail ranks like this.
    """

    def learn_pixels(self, images: np.ndarray) -> None:
        """Learns nothing."""

    def score_pixels(self, images: np.ndarray) -> np.ndarray:
        """Mean gradient magnitude, float64 (N,) in [0, √2]; images at least 2 × 2."""
        parts = [_edges(luma(batch)) for batch in batches.batches(images)]
        return np.concatenate(parts or [np.empty(0)])


def _edges(grey: np.ndarray) -> np.ndarray:
    """Mean length of (right less here, below less here), float64 (n,), of grey images (n, H, W)."""
    here = grey[:, :-1, :-1]
    return np.hypot(grey[:, :-1, 1:] - here, grey[:, 1:, :-1] - here).mean(axis=(1, 2), dtype=np.float64)
