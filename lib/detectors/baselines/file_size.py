"""The size of the original file."""

import numpy as np

from lib.detectors.base import Images, Options, register
from lib.detectors.baselines.median import FromMedian


@register("file_size", family="shortcut", title="file size", options=Options)
class FileSize(FromMedian):
    """Scores by how far the original file's size in bytes is from the median, as a ratio; its pixels are not used."""

    def values(self, images: Images) -> np.ndarray:
        """Natural logarithm of `file_bytes`, float64 (N,)."""
        return np.log(images.table["file_bytes"].to_numpy(np.float64))
