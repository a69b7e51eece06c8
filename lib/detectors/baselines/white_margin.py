"""Blank white strips along the edges of an image."""

import numpy as np

from lib.detectors import batches
from lib.detectors.base import ImageOptions, Images, register
from lib.detectors.baselines.median import FromMedian

BLANK = 240  # of 255; a pixel is white when each of its channels is above


@register("white_margin", family="shortcut", title="white margins", options=ImageOptions)
class WhiteMargin(FromMedian):
    """Scores by how far the share of blank white margins is from the median; what lies between them is not used."""

    options: ImageOptions

    def values(self, images: Images) -> np.ndarray:
        """Share of blank margins, float64 (N,) in [0, 8/9]."""
        parts = [white_margin(batch) for batch in batches.slices(images.pixels(self.options.image_size))]
        return np.concatenate(parts or [np.empty(0)])


def white_margin(images: np.ndarray) -> np.ndarray:
    """Share of each image in blank white strips along its edges, float64 (n,).

    The same measure as the attribute `white_margin`: lines that are white over more than 95 %, with
    the one mixed line that resizing leaves beside each strip, up to a sixth of the side from either end.

    Args:
        images: uint8 (n, H, W, C).
    """
    white = np.logical_and.reduce([images[..., channel] > BLANK for channel in range(images.shape[-1])])
    remaining = np.ones(len(white))
    for across in (2, 1):
        lines = white.mean(axis=across) > 0.95
        length = lines.shape[1]
        widest = int(length / 6)
        cut = sum(_strip(side[:, :widest], widest) for side in (lines, lines[:, ::-1]))
        remaining *= (length - cut) / length
    return 1 - remaining


def _strip(lines: np.ndarray, widest: int) -> np.ndarray:
    """Lines to cut at the start: the blank ones that begin there and one more, none if none is blank."""
    blank = np.cumprod(lines, axis=1).sum(axis=1)
    return np.where(blank > 0, np.minimum(blank + 1, widest), 0)
