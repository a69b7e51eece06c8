"""Brightness, sharpness and border of images, by which new images are compared with those that a study was made of.

They are measured on the prepared pixels, so that images of every source and size are comparable. Luma weighs red, green
and blue by 0.299, 0.587 and 0.114, and lies in [0, 1].
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from lib.data.images import ImageSet

COLUMNS = ("brightness", "sharpness", "border")
_LUMA = np.array([0.299, 0.587, 0.114])
_BORDER = 0.04  # of the shorter side


def of(images: "ImageSet", indices: np.ndarray | None = None) -> pd.DataFrame:
    """Measure images.

    Args:
        images: at least 3 × 3 pixels; read one by one, so that a memory-mapped array stays on disk.
        indices: which of them, in any order; None for all.

    Returns:
        One row an image, float64: `brightness`, the mean luma, in [0, 1]; `sharpness`, the variance of the Laplacian of
        luma over the inner pixels (Pech-Pacheco et al., International Conference on Pattern Recognition 2000), at least
        0; and `border`, the mean luma of the outermost 4 % of the shorter side (at least one pixel), in [0, 1].
    """
    pixels = images.pixels()
    indices = range(len(pixels)) if indices is None else indices
    table = np.empty((len(indices), len(COLUMNS)))
    for row, index in zip(table, indices, strict=True):
        row[:] = _measured(pixels[index])
    return pd.DataFrame(table, columns=list(COLUMNS))


def luma(image: np.ndarray) -> np.ndarray:
    """The luma of an image, uint8 (H, W, C), C 1 or 3: float64 (H, W) in [0, 1]."""
    return (image @ _LUMA if image.shape[-1] == 3 else image[..., 0]) / 255


def _measured(image: np.ndarray) -> tuple[float, float, float]:
    """The measurements of one image, uint8 (H, W, C)."""
    grey = luma(image)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    height, width = grey.shape
    edge = max(round(_BORDER * min(height, width)), 1)
    border = np.ones(grey.shape, bool)
    border[edge : height - edge, edge : width - edge] = False
    return grey.mean(), laplacian.var(), grey[border].mean()
