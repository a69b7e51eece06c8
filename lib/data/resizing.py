"""Resizing of one image to a square of 8-bit values: as in the published study, or with a filter against aliasing."""

from collections.abc import Callable

import numpy as np

PLAIN = "bilinear, to a square"
ANTIALIASED = "bilinear with antialiasing, to a square"


def plain(size: int, channels: int) -> tuple[Callable, Callable]:
    """As in the published study: float in [0, 1], `tf.image.resize` bilinear; then rounded to uint8 for storage.

    Returns:
        Two functions to pixels (size, size, channels) uint8, with the height and width before: one from an encoded
        file that TensorFlow decodes, one from pixels (H, W, channels) uint8.
    """
    from lib.core.backend import tf

    def shrink(pixels):
        floats = tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [size, size])
        return tf.cast(tf.round(tf.clip_by_value(floats, 0.0, 1.0) * 255.0), tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def from_file(encoded):
        pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    @tf.function(input_signature=[tf.TensorSpec([None, None, channels], tf.uint8)])
    def from_pixels(pixels):
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    return from_file, from_pixels


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
