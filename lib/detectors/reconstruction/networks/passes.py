"""A fitted network's passes over images: the published score, and reconstructions."""

from collections.abc import Callable

import numpy as np

from lib.core.backend import tf
from lib.detectors import batches
from lib.detectors.reconstruction.networks.network import Network


def mean_squared_error(network: Network, images: np.ndarray) -> np.ndarray:
    """The published score: mean squared error of each reconstruction, float64 (N,) in [0, 1]; images uint8."""
    compiled = _compiled(network)
    return batches.stream(images, lambda batch: compiled(batch, *network.inputs(batch))[0].numpy())


def reconstructions(network: Network, images: np.ndarray) -> np.ndarray:
    """Reconstructions, float32 (N, H, W, C) in [0, 1], of uint8 images: those that the scores judge."""
    compiled = _compiled(network)
    return np.concatenate([compiled(batch, *network.inputs(batch))[1].numpy() for batch in batches.slices(images)])


def _compiled(network: Network) -> Callable:
    """From a uint8 batch to the error of each image and its reconstruction, in one graph, which takes time to trace."""
    network = network.engine()
    if "pass" in network.graphs:
        return network.graphs["pass"]
    signature = [tf.TensorSpec([None, *network.settings.image_shape], tf.uint8), *network.input_signature()]

    @tf.function(input_signature=signature, jit_compile=False, autograph=False)
    def run(batch, *inputs):
        scaled = tf.cast(batch, tf.float32) / 255.0
        values, _ = network.encoded(scaled)
        reconstruction = tf.cast(network.decoded(values, *inputs), tf.float32)
        return tf.reduce_mean(tf.math.squared_difference(scaled, reconstruction), axis=[1, 2, 3]), reconstruction

    network.graphs["pass"] = run
    return run
