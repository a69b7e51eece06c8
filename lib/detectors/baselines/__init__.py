"""Reference detectors: what can be had for next to nothing, shown beside every detector that costs more.

None needs TensorFlow. A detector that does not beat them has learned little; where one of the shortcuts does well, the
data set itself gives the classes away.
"""

import time

import numpy as np
import pandas as pd

from lib.detectors.baselines.base import Reference
from lib.detectors.baselines.hog import HOGNearestNeighbour
from lib.detectors.baselines.pixels import EdgeEnergy, MeanImage, PCAReconstruction
from lib.detectors.baselines.shortcuts import AspectRatio, FileSize, WhiteMargin

__all__ = [
    "REFERENCES",
    "SHORTCUTS",
    "AspectRatio",
    "EdgeEnergy",
    "FileSize",
    "HOGNearestNeighbour",
    "MeanImage",
    "PCAReconstruction",
    "Reference",
    "WhiteMargin",
    "fit_and_score",
]

# Printed names, in the order in which tables and figures show them: shortcuts first, then from plain to clever.
REFERENCES: dict[str, type[Reference]] = {
    "file size": FileSize,
    "aspect ratio": AspectRatio,
    "white margins": WhiteMargin,
    "edge energy": EdgeEnergy,
    "mean image distance": MeanImage,
    "PCA reconstruction": PCAReconstruction,
    "HOG nearest neighbour": HOGNearestNeighbour,
}

# Those that know nothing of what an image shows.
SHORTCUTS = ("file size", "aspect ratio", "white margins")


def fit_and_score(
    name: str, images: np.ndarray, table: pd.DataFrame, fit_indices: np.ndarray
) -> tuple[np.ndarray, float]:
    """Fits a reference detector to some images and scores all.

    Args:
        name: one of `REFERENCES`.
        images: uint8 (N, H, W, C), may be memory-mapped.
        table: one row an image in the same order, as `lib.data.images.ImageSet.table`.
        fit_indices: int (n,), the images to fit to; normal images only, at least one.

    Returns:
        Scores, float64 (N,), higher is more abnormal; and the seconds that fitting and scoring took.

    Raises:
        KeyError: no reference detector of that name.
        ValueError: images and table differ in number, nothing to fit to, or a score is not a finite number.
    """
    detector = REFERENCES[name]()
    if len(images) != len(table):
        raise ValueError(f"{name}: {len(images)} images, but {len(table)} rows of their table")
    if not len(fit_indices):
        raise ValueError(f"{name}: no images to fit to")
    indices = np.sort(fit_indices)  # a memory map is read in its own order; none of the fits depends on it
    started = time.monotonic()
    detector.fit(images[indices] if detector.sees == "images" else table.iloc[indices])
    scores = detector.score(images if detector.sees == "images" else table)
    seconds = time.monotonic() - started
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: not every score is a finite number")
    return scores, seconds
