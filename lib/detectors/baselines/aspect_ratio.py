"""The proportions of the original image."""

import numpy as np

from lib.detectors.base import Images, Options, register
from lib.detectors.baselines.median import FromMedian


@register("aspect_ratio", family="shortcut", title="aspect ratio", options=Options)
class AspectRatio(FromMedian):
    """Scores by how far width over height of the original image is from the median, as a ratio.

    Prepared images are square, so a detector cannot see the ratio itself, but it can see how much resizing squeezed.
    """

    def values(self, images: Images) -> np.ndarray:
        """Natural logarithm of `width` over `height`, float64 (N,)."""
        return np.log(images.table["width"].to_numpy(np.float64) / images.table["height"].to_numpy(np.float64))
