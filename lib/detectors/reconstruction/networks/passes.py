"""A fitted network's passes over images: the published score, and reconstructions."""

from collections.abc import Callable

import numpy as np

from lib.core.backend import tf
from lib.detectors import batches
from lib.detectors.reconstruction.networks.network import Network


def mean_squared_error(network: Network, images: np.ndarray) -> np.ndarray:
    """The published score: mean squared error of each reconstruction, float64 (N,) in [0, 1]; images uint8."""

    def score(scaled, reconstruction):
        return tf.reduce_mean(tf.math.squared_difference(scaled, reconstruction), axis=[1, 2, 3])

    compiled = _compiled(network, "score", score)
    return batches.stream(images, lambda batch: compiled(batch, *network.inputs(batch)).numpy())


def reconstructions(network: Network, images: np.ndarray) -> np.ndarray:
    """Reconstructions, float32 (N, H, W, C) in [0, 1], of uint8 images: those that the scores judge."""
    compiled = _compiled(network, "reconstruct", lambda scaled, reconstruction: reconstruction)
    return np.concatenate([compiled(batch, *network.inputs(batch)).numpy() for batch in batches.slices(images)])


def _compiled(network: Network, name: str, result: Callable) -> Callable:
    """From a uint8 batch to what `result` computes of it, scaled to [0, 1], and of its reconstruction, in one graph."""
    network = network.engine()
    if name in network.graphs:
        return network.graphs[name]
    signature = [tf.TensorSpec([None, *network.settings.image_shape], tf.uint8), *network.input_signature()]

    @tf.function(input_signature=signature, jit_compile=False)
    def run(batch, *inputs):
        scaled = tf.cast(batch, tf.float32) / 255.0
        values, _ = network.encoded(scaled)
        return result(scaled, tf.cast(network.decoded(values, *inputs), tf.float32))

    network.graphs[name] = run
    return run
