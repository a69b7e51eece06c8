"""The anomaly scores that one reconstruction gives: its error measured otherwise than by its mean square.

A mean squared error grows with an image's contrast, and an image that is easy to paint has little of either, whatever
it shows. The scores here divide by what there was to reproduce, look at edges or at the coarse picture, or compare
the residual, the latent vector and the encoder's features with those of the images fitted on.
"""

from collections.abc import Iterator

import numpy as np

from lib.core.backend import tf
from lib.detectors import batches
from lib.detectors.features.gaussian import Gaussian
from lib.detectors.reconstruction.detector import ReconstructionDetector

SCORES = {
    "mse": "mean squared error, as published",
    "mae": "mean absolute error",
    "ssim": "structural dissimilarity, 1 - SSIM",
    "gradient": "squared error of the gradients",
    "relative_mse": "squared error as a share of the image's variance",
    "relative_gradient": "squared error of the gradients as a share of the image's own",
    "coarse": "squared error of the picture averaged over blocks",
    "residual_neighbour": "distance of the residual over blocks to its nearest among the images fitted on",
    "latent_mahalanobis": "Mahalanobis distance of the latent vector",
    "latent_neighbour": "distance of the latent vector to its nearest among the images fitted on",
    "encoder_mahalanobis": "Mahalanobis distance of the encoder's features over blocks",
}
_PLAIN = ("mse", "mae", "ssim", "gradient", "relative_mse", "relative_gradient", "coarse")
BLOCKS = 8  # blocks a side, over which a residual is averaged
FEATURE_BLOCKS = 4  # blocks a side, over which the encoder's features are averaged
COARSE_BLOCKS = 6
_LITTLE = 1e-3  # added to what is divided by, so that a blank image has a score


class Errors:
    """Every score of `SCORES`, from a fitted detector, in one pass over the images.

    Args:
        detector: fitted.
        fitted_on: uint8 (n, H, W, C), the images it was fitted on; with them the distances are fitted.
    """

    def __init__(self, detector: ReconstructionDetector, fitted_on: np.ndarray):
        self._detector = detector
        self._function = self._compiled()
        vectors = [found for _, found in self._batches(fitted_on)]
        residuals, latents, features = (np.concatenate(each) for each in zip(*vectors, strict=True))
        self._nearest = {"residual_neighbour": _Nearest(residuals), "latent_neighbour": _Nearest(latents)}
        self._around = {"latent_mahalanobis": Gaussian(), "encoder_mahalanobis": Gaussian()}
        self._around["latent_mahalanobis"].fit(latents)
        self._around["encoder_mahalanobis"].fit(features)

    def score(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Scores by name, each float64 (N,), higher is more abnormal; images uint8 (N, H, W, C), may be a memory map.

        Raises:
            ValueError: a score is not a finite number.
        """
        parts: dict[str, list[np.ndarray]] = {name: [] for name in SCORES}
        for plain, (residuals, latents, features) in self._batches(images):
            for column, name in enumerate(_PLAIN):
                parts[name].append(plain[:, column].astype(np.float64))
            vectors = {"residual_neighbour": residuals, "latent_neighbour": latents}
            for name, nearest in self._nearest.items():
                parts[name].append(nearest.distance(vectors[name]))
            vectors = {"latent_mahalanobis": latents, "encoder_mahalanobis": features}
            for name, gaussian in self._around.items():
                parts[name].append(gaussian.score(vectors[name]))
        scores = {name: np.concatenate(part) if part else np.empty(0) for name, part in parts.items()}
        if bad := [name for name, values in scores.items() if not np.isfinite(values).all()]:
            raise ValueError(f"scores: {bad[0]} is not a finite number for every image; the detector has diverged")
        return scores

    def _batches(self, images: np.ndarray) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        for batch in batches.slices(images):
            plain, *vectors = self._function(batch, *self._detector._given(batch))
            yield plain.numpy(), [each.numpy() for each in vectors]

    def _compiled(self):
        detector = self._detector
        signature = [tf.TensorSpec([None, *detector.settings.image_shape], tf.uint8), *detector._signature()]

        @tf.function(input_signature=signature, jit_compile=False)
        def errors(batch, *given):
            images = tf.cast(batch, tf.float32) / 255.0
            values, features = detector.encoded(images)
            made = tf.cast(detector.decoded(values, *given), tf.float32)
            latents = tf.cast(values[:, : detector.settings.latent_dim], tf.float32)
            plain = tf.stack(list(_plain(images, made).values()), axis=1)
            return plain, _blocks(images - made, BLOCKS), latents, _blocks(features, FEATURE_BLOCKS)

        return errors


def _plain(images, made) -> dict:
    """The scores that need nothing but an image and its reconstruction, each float32 (n,)."""
    squared = tf.reduce_mean(tf.math.squared_difference(images, made), axis=[1, 2, 3])
    variance = tf.reduce_mean(tf.math.reduce_variance(images, axis=[1, 2]), axis=-1)
    wanted, gotten = tf.image.image_gradients(images), tf.image.image_gradients(made)
    missed = sum(
        tf.reduce_mean(tf.math.squared_difference(a, b), axis=[1, 2, 3]) for a, b in zip(wanted, gotten, strict=True)
    )
    there = sum(tf.reduce_mean(tf.square(each), axis=[1, 2, 3]) for each in wanted)
    found = {
        "mse": squared,
        "mae": tf.reduce_mean(tf.abs(images - made), axis=[1, 2, 3]),
        "ssim": 1.0 - tf.image.ssim(images, made, max_val=1.0),
        "gradient": missed,
        "relative_mse": squared / (variance + _LITTLE),
        "relative_gradient": missed / (there + _LITTLE),
        "coarse": tf.reduce_mean(tf.square(_blocks(images - made, COARSE_BLOCKS)), axis=1),
    }
    return {name: found[name] for name in _PLAIN}


def _blocks(maps, count: int):
    """Means over a grid of `count` blocks a side (or as many as there are pixels), flat: float32 (n, F)."""
    side = maps.shape[1]
    size = max(1, side // count)
    pooled = tf.nn.avg_pool2d(tf.cast(maps, tf.float32), size, size, "VALID")
    return tf.reshape(pooled, [tf.shape(pooled)[0], pooled.shape[1] * pooled.shape[2] * pooled.shape[3]])


class _Nearest:
    """The nearest of some vectors, by Euclidean distance with each value divided by its standard deviation."""

    def __init__(self, vectors: np.ndarray):
        from sklearn.neighbors import NearestNeighbors

        self._mean, self._scale = vectors.mean(axis=0), vectors.std(axis=0) + 1e-6
        self._known = NearestNeighbors(n_neighbors=1).fit((vectors - self._mean) / self._scale)

    def distance(self, vectors: np.ndarray) -> np.ndarray:
        return self._known.kneighbors((vectors - self._mean) / self._scale)[0][:, 0].astype(np.float64)
