"""The shortcut audit: detectors that know nothing of what an image shows.

Where one of them tells anomalies apart, the data set gives its classes away by how its files were made, and a high
score of any other detector proves less. Each scores how far an image is from the median of those fitted on, in either
direction: which way anomalies lie cannot be known without looking at them.
"""

import numpy as np
import pandas as pd

from lib.detectors import batches
from lib.detectors.baselines.base import Reference

BLANK = 240  # of 255; a pixel is white when each of its channels is above


class _FromMedian(Reference):
    """Absolute difference of one number an image to the median of that number over the images fitted on."""

    learned = ("median",)

    def fit(self, seen) -> dict[str, list[float]]:
        """Fits to normal images, given as `sees` says; there is no history."""
        self.median = np.median(self.values(seen))
        return {}

    def score(self, seen) -> np.ndarray:
        """Absolute difference to the median, float64 (N,); images are given as `sees` says."""
        return np.abs(self.values(seen) - self.median)

    @staticmethod
    def values(seen) -> np.ndarray:
        """The number that is compared, float64 (N,)."""
        raise TypeError("a subclass says what its number is")


class FileSize(_FromMedian):
    """The original file's size in bytes, on a logarithmic scale; its pixels are not looked at."""

    sees = "files"
    how = "how far the size of the original file is from the median (as a ratio)"

    @staticmethod
    def values(table: pd.DataFrame) -> np.ndarray:
        """Natural logarithm of `file_bytes`, float64 (N,)."""
        return np.log(table["file_bytes"].to_numpy(np.float64))


class AspectRatio(_FromMedian):
    """The original image's width over its height, on a logarithmic scale; its pixels are not looked at.

    Prepared images are square, so a detector cannot see the ratio itself; but what resizing squeezed tells of it.
    """

    sees = "files"
    how = "how far width over height of the original image is from the median (as a ratio)"

    @staticmethod
    def values(table: pd.DataFrame) -> np.ndarray:
        """Natural logarithm of `width` over `height`, float64 (N,)."""
        return np.log(table["width"].to_numpy(np.float64) / table["height"].to_numpy(np.float64))


class WhiteMargin(_FromMedian):
    """The share of an image that is blank white strips along its edges; what lies between them is not looked at."""

    how = "how far the share of blank white margins is from the median"

    @staticmethod
    def values(images: np.ndarray) -> np.ndarray:
        """Share of blank margins, float64 (N,) in [0, 8/9], of images uint8 (N, H, W, C)."""
        found = [white_margin(batch) for batch in batches.slices(images)]
        return np.concatenate(found or [np.empty(0)])


def white_margin(images: np.ndarray) -> np.ndarray:
    """Share of each image in blank white strips along its edges, float64 (n,).

    The very measure that the feature analysis calls `white_margin`: lines that are white over more than 95 %, with
    the one mixed line that resizing leaves beside each strip, up to a sixth of the side from either end.

    Args:
        images: uint8 (n, H, W, C).
    """
    white = np.logical_and.reduce([images[..., channel] > BLANK for channel in range(images.shape[-1])])
    kept = np.ones(len(white))
    for across in (2, 1):
        lines = white.mean(axis=across) > 0.95
        length = lines.shape[1]
        widest = int(length / 6)
        cut = sum(_strip(side[:, :widest], widest) for side in (lines, lines[:, ::-1]))
        kept *= (length - cut) / length
    return 1 - kept


def _strip(lines: np.ndarray, widest: int) -> np.ndarray:
    """Lines to cut at the start: the blank ones that begin there and one more, none if none is blank."""
    blank = np.cumprod(lines, axis=1).sum(axis=1)
    return np.where(blank > 0, np.minimum(blank + 1, widest), 0)
