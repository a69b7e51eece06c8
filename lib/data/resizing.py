"""Resizing of one image to a square of 8-bit values: as in the published study, or with a filter against aliasing."""

from collections.abc import Callable

import numpy as np

PLAIN = "bilinear, to a square"
ANTIALIASED = "bilinear with antialiasing, to a square"


def bilinear(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pixels (H, W, C) uint8 as in the published study: scaled to [0, 1], `tf.image.resize` bilinear, 8 bits again.

    In NumPy, bit for bit as TensorFlow does it, whose import takes longer than to prepare a small data set.

    Returns:
        uint8 (size, size, C).
    """
    above, below, down = _neighbours(pixels.shape[0], size)
    left, right, across = _neighbours(pixels.shape[1], size)

    def between(rows: np.ndarray) -> np.ndarray:
        first, second = (rows[:, columns].astype(np.float32) / np.float32(255) for columns in (left, right))
        return first + (second - first) * across[None, :, None]

    upper = between(pixels[above])
    floats = upper + (between(pixels[below]) - upper) * down[:, None, None]
    return np.rint(np.clip(floats, 0, 1) * np.float32(255)).astype(np.uint8)


def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each new pixel the two old ones that it lies between, and how far it is from the first, float32."""
    half = np.float32(0.5)
    places = (np.arange(size, dtype=np.float32) + half) * (np.float32(length) / np.float32(size)) - half
    first = np.floor(places)
    return np.maximum(first, 0).astype(int), np.minimum(np.ceil(places), length - 1).astype(int), places - first


def of_files(size: int, channels: int) -> Callable:
    """A function from an encoded file to what `bilinear` makes of its pixels, and its height and width.

    TensorFlow decodes the file, as in the published study; the pixels are uint8 (size, size, channels).
    """
    from lib.core.backend import tf

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def resized(encoded):
        pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
        floats = tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [size, size])
        small = tf.cast(tf.round(tf.clip_by_value(floats, 0.0, 1.0) * 255.0), tf.uint8)
        return small, tf.shape(pixels)[0], tf.shape(pixels)[1]

    return lambda content: tuple(part.numpy() for part in resized(content))


def antialiased(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pixels (H, W, C), uint8 or float32 in [0, 1], resized with `tf.image.resize(…, antialias=True)` and rounded.

    Each pixel is the mean of the area that it covers, weighted by a triangle, so that nothing between the sampled
    pixels is lost. 8-bit values are not first made floats, which would take four times the memory of a large image.

    Returns:
        uint8 (size, size, C).
    """
    from lib.core.backend import tf

    floats = tf.image.resize(pixels, [size, size], antialias=True).numpy()
    return np.rint(np.clip(floats if pixels.dtype == np.uint8 else floats * 255.0, 0, 255)).astype(np.uint8)
