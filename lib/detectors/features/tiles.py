"""Large images, cut into tiles that a network looks at one by one."""

import numpy as np


def cut(images: np.ndarray, count: int) -> np.ndarray:
    """The tiles of images, (n, H, W, C) to (n · count², H / count, W / count, C): row by row, image after image."""
    if count == 1:
        return images
    n, height, width, channels = images.shape
    grid = images.reshape(n, count, height // count, count, width // count, channels)
    return grid.swapaxes(2, 3).reshape(n * count**2, height // count, width // count, channels)


def joined(maps: np.ndarray, count: int) -> np.ndarray:
    """Maps of images, (n, count · h, count · w, …), of maps of tiles in the order of `cut`, (n · count², h, w, …)."""
    if count == 1:
        return maps
    height, width, *rest = maps.shape[1:]
    grid = maps.reshape(-1, count, count, height, width, *rest)
    return grid.swapaxes(2, 3).reshape(-1, count * height, count * width, *rest)
