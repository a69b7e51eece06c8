"""Augmentation of the images fitted on: mirrored, shifted, recoloured, with noise.

Every draw is a function of the seed and the number of the batch: equal in every run, different for every batch of one
run. (A random op in `Dataset.map` under a global seed repeats its draws in every epoch; tensorflow#35682.)
"""

from lib.core.backend import tf

KINDS = ("none", "flips", "shifts", "colour", "hue", "all")
SHIFT = 0.08  # largest shift in either direction, as a share of the side
BRIGHTNESS = 0.1  # largest amount added or subtracted
CONTRAST = SATURATION = (0.8, 1.2)  # factors
HUE = 0.5  # largest rotation, of a full circle: any colour may become any other


def varied(images, kind: str, seed):
    """A batch of images, each varied by a random draw of its own.

    Args:
        images: float32 (n, H, W, C) in [0, 1].
        kind: one of `KINDS`: `flips` mirrors left to right, `shifts` moves by up to `SHIFT` and repeats the edge,
            `colour` changes brightness, contrast and saturation, `hue` rotates the hue, `all` does all four.
        seed: int32 (2,).

    Returns:
        float32 (n, H, W, C) in [0, 1].
    """
    if kind == "none":
        return images
    seeds = tf.random.split(seed, 6)
    if kind in ("flips", "all"):
        images = _flipped(images, seeds[0])
    if kind in ("shifts", "all"):
        images = _shifted(images, seeds[1])
    if kind in ("colour", "all"):
        images = _recoloured(images, seeds[2:5])
    if kind in ("hue", "all") and images.shape[-1] == 3:
        images = _with_other_hue(images, seeds[5])
    return images


def noisy(images, deviation: float, seed):
    """Images plus Gaussian noise of a standard deviation, clipped to [0, 1]; for denoising autoencoders.

    Vincent et al., Extracting and composing robust features with denoising autoencoders, 2008.
    """
    return tf.clip_by_value(images + deviation * tf.random.stateless_normal(tf.shape(images), seed), 0.0, 1.0)


def _uniform(images, seed, low, high):
    """One uniform draw for each image, float32 (n, 1, 1, 1)."""
    return tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed, low, high)


def _flipped(images, seed):
    return tf.where(_uniform(images, seed, 0.0, 1.0) < 0.5, images[:, :, ::-1], images)


def _shifted(images, seed):
    size = images.shape[1]
    largest = max(1, round(SHIFT * size))
    shifts = tf.random.stateless_uniform([tf.shape(images)[0], 2], seed, -largest, largest + 1, tf.int32)
    unshifted = tf.range(size)[None]
    rows = tf.clip_by_value(unshifted + shifts[:, :1], 0, size - 1)
    columns = tf.clip_by_value(unshifted + shifts[:, 1:], 0, size - 1)
    return tf.gather(tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def _recoloured(images, seeds):
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * _uniform(images, seeds[0], *CONTRAST)
    images += _uniform(images, seeds[1], -BRIGHTNESS, BRIGHTNESS)
    if images.shape[-1] == 3:
        grey = tf.reduce_mean(images, axis=-1, keepdims=True)
        images = grey + (images - grey) * _uniform(images, seeds[2], *SATURATION)
    return tf.clip_by_value(images, 0.0, 1.0)


def _with_other_hue(images, seed):
    hue, saturation, value = tf.split(tf.image.rgb_to_hsv(images), 3, axis=-1)
    hue = tf.math.floormod(hue + _uniform(images, seed, -HUE, HUE), 1.0)
    return tf.clip_by_value(tf.image.hsv_to_rgb(tf.concat([hue, saturation, value], axis=-1)), 0.0, 1.0)
