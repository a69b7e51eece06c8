"""Other anomaly scores of a reconstruction than its mean squared error.

A mean squared error grows with the contrast of an image, whatever the image shows. The scores here divide by the
contrast, look at edges or at block means, or compare the residual, the latent vector and the encoder's features with
those of the images fitted on.
"""

from collections.abc import Iterator

import numpy as np

from lib.core.backend import tf
from lib.detectors import batches
from lib.detectors.features.gaussian import Gaussian
from lib.detectors.features.neighbours import nearest_distance
from lib.detectors.reconstruction.networks.network import Network

_PLAIN = ("mse", "mae", "ssim", "gradient", "relative_mse", "relative_gradient", "coarse")
BLOCKS = 8  # blocks a side, over which a residual is averaged
FEATURE_BLOCKS = 4  # blocks a side, over which the encoder's features are averaged
COARSE_BLOCKS = 6
_LITTLE = 1e-3  # added to what is divided by, so that a blank image has a score


class Scores:
    """Every score of `lib.detectors.reconstruction.options.SCORES`, in one pass over the images.

    Args:
        network: fitted.
        state: what `fit` returned.
    """

    def __init__(self, network: Network, state: dict[str, np.ndarray]):
        self._network = network
        self._nearest = {name: _Nearest(state[name]) for name in ("residual_neighbour", "latent_neighbour")}
        self._around = {}
        for name in ("latent_mahalanobis", "encoder_mahalanobis"):
            self._around[name] = Gaussian()
            for part in Gaussian.learned:
                setattr(self._around[name], part, state[f"{name}_{part}"])

    @staticmethod
    def fit(network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays that the distances need, by name, of the images fitted on, uint8 (n, H, W, C)."""
        vectors = [found for _, found in _batches(network, images)]
        residuals, latents, features = (np.concatenate(part) for part in zip(*vectors, strict=True))
        state = {"residual_neighbour": residuals, "latent_neighbour": latents}
        for name, values in {"latent_mahalanobis": latents, "encoder_mahalanobis": features}.items():
            gaussian = Gaussian()
            gaussian.fit(values)
            state |= {f"{name}_{part}": getattr(gaussian, part) for part in Gaussian.learned}
        return state

    def score(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Scores by name, each float64 (N,), higher is more abnormal; images uint8 (N, H, W, C), may be a memory map.

        Raises:
            Diverged: a score is not a finite number.
        """
        names = [*_PLAIN, *self._nearest, *self._around]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for plain, (residuals, latents, features) in _batches(self._network, images):
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
            raise batches.Diverged(f"the score {bad[0]} is not a finite number for every image")
        return scores


def _batches(network: Network, images: np.ndarray) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    function = _compiled(network)
    for batch in batches.slices(images):
        plain, *vectors = function(batch, *network.inputs(batch))
        yield plain.numpy(), [vector.numpy() for vector in vectors]


def _compiled(network: Network):
    """From a uint8 batch to the plain scores (n, 7), and residuals, latent vectors and features, each (n, F)."""
    network = network.engine()
    if "scores" in network.graphs:
        return network.graphs["scores"]
    signature = [tf.TensorSpec([None, *network.settings.image_shape], tf.uint8), *network.input_signature()]

    @tf.function(input_signature=signature, jit_compile=False, autograph=False)
    def run(batch, *inputs):
        images = tf.cast(batch, tf.float32) / 255.0
        values, features = network.encoded(images)
        reconstruction = tf.cast(network.decoded(values, *inputs), tf.float32)
        latents = tf.cast(values[:, : network.settings.latent_dim], tf.float32)
        plain = tf.stack(list(_plain(images, reconstruction).values()), axis=1)
        return plain, _blocks(images - reconstruction, BLOCKS), latents, _blocks(features, FEATURE_BLOCKS)

    network.graphs["scores"] = run
    return run


def _plain(images, reconstruction) -> dict:
    """The scores that need nothing but an image and its reconstruction, each float32 (n,)."""
    squared = tf.reduce_mean(tf.math.squared_difference(images, reconstruction), axis=[1, 2, 3])
    variance = tf.reduce_mean(tf.math.reduce_variance(images, axis=[1, 2]), axis=-1)
    own, reproduced = tf.image.image_gradients(images), tf.image.image_gradients(reconstruction)
    gradient = sum(
        tf.reduce_mean(tf.math.squared_difference(a, b), axis=[1, 2, 3]) for a, b in zip(own, reproduced, strict=True)
    )
    own_gradient = sum(tf.reduce_mean(tf.square(part), axis=[1, 2, 3]) for part in own)
    scores = {
        "mse": squared,
        "mae": tf.reduce_mean(tf.abs(images - reconstruction), axis=[1, 2, 3]),
        "ssim": 1.0 - tf.image.ssim(images, reconstruction, max_val=1.0),
        "gradient": gradient,
        "relative_mse": squared / (variance + _LITTLE),
        "relative_gradient": gradient / (own_gradient + _LITTLE),
        "coarse": tf.reduce_mean(tf.square(_blocks(images - reconstruction, COARSE_BLOCKS)), axis=1),
    }
    return {name: scores[name] for name in _PLAIN}


def _blocks(maps, count: int):
    """Means over a grid of `count` blocks a side (or as many as there are pixels), flat: float32 (n, F)."""
    side = maps.shape[1]
    size = max(1, side // count)
    pooled = tf.nn.avg_pool2d(tf.cast(maps, tf.float32), size, size, "VALID")
    return tf.reshape(pooled, [tf.shape(pooled)[0], pooled.shape[1] * pooled.shape[2] * pooled.shape[3]])


class _Nearest:
    """The nearest of some vectors, by Euclidean distance with each value divided by its standard deviation."""

    def __init__(self, vectors: np.ndarray):
        deviation = vectors.std(axis=0)  # a value that hardly varies is rounding noise, and is not divided by its own
        self._mean, self._scale = vectors.mean(axis=0), np.maximum(deviation, 1e-3 * deviation.mean()) + 1e-6
        self._known = (vectors - self._mean) / self._scale

    def distance(self, vectors: np.ndarray) -> np.ndarray:
        return nearest_distance((vectors - self._mean) / self._scale, self._known)
