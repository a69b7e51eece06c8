"""A few of scikit-learn's handwritten digits as a set of images in memory."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from lib.data import ImageSet


def digits(count: int = 140, size: int = 16, channels: int = 1, only: int | None = None) -> ImageSet:
    """The first digits, or those of one class, enlarged to `size` pixels; as if their files were of different sizes.

    By default more than one batch. The three channels are shades of one image, so that colour images are not grey ones.
    """
    bundle = load_digits()
    chosen = bundle.images if only is None else bundle.images[bundle.target == only]
    images = np.kron(np.rint(chosen[:count] / 16 * 255), np.ones((1, size // 8, size // 8)))
    colours = np.stack([images // (channel + 1) for channel in range(channels)], axis=-1).astype(np.uint8)
    random = np.random.default_rng(0)
    table = pd.DataFrame({key: random.integers(100, 9000, len(images)) for key in ("file_bytes", "height", "width")})
    return ImageSet.of(colours, table)
