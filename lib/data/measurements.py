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


def of(images: "ImageSet") -> pd.DataFrame:
    """Measure every image.

    Args:
        images: at least 3 × 3 pixels; read one by one, so that a memory-mapped array stays on disk.

    Returns:
        One row an image, float64: `brightness`, the mean luma, in [0, 1]; `sharpness`, the variance of the Laplacian of
        luma over the inner pixels (Pech-Pacheco et al., International Conference on Pattern Recognition 2000), at least
        0; and `border`, the mean luma of the outermost 4 % of the shorter side (at least one pixel), in [0, 1].
    """
    pixels = images.pixels()
    table = np.empty((len(pixels), len(COLUMNS)))
    for row, image in zip(table, pixels, strict=True):
        row[:] = _measured(image)
    return pd.DataFrame(table, columns=list(COLUMNS))


def _measured(image: np.ndarray) -> tuple[float, float, float]:
    """The measurements of one image, uint8 (H, W, C)."""
    luma = (image @ _LUMA if image.shape[2] == 3 else image[..., 0]) / 255
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    height, width = luma.shape
    edge = max(round(_BORDER * min(height, width)), 1)
    border = np.ones(luma.shape, bool)
    border[edge : height - edge, edge : width - edge] = False
    return luma.mean(), laplacian.var(), luma[border].mean()
