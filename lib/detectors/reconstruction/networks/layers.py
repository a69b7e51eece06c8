"""The layers that the three models of the published study share."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.core.backend import keras, tf

FILTERS = (32, 64, 128)  # of the encoder's convolutions; each halves height and width


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Set the Keras dtype policy, such as `mixed_bfloat16`, of layers created in the block; weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@dataclass(frozen=True)
class Capacity:
    """How a network differs from the published one in size; the defaults are the published one.

    Attributes:
        width: the number of filters of each convolution, as a multiple of `FILTERS`.
        depth: further convolutions of stride 1 after each one that halves or doubles height and width.
        batch_norm: whether each convolution is followed by batch normalisation (Ioffe and Szegedy, 2015).
    """

    width: float = 1.0
    depth: int = 0
    batch_norm: bool = False

    @property
    def filters(self) -> tuple[int, ...]:
        """The numbers of filters of the three convolutions that halve height and width."""
        return tuple(max(1, round(filters * self.width)) for filters in FILTERS)


PUBLISHED = Capacity()


def encoder(outputs: int, seed: int, capacity: Capacity = PUBLISHED) -> keras.Sequential:
    """Three strided convolutions, a hidden layer of 256 and a linear layer of `outputs`."""
    convolutions = [
        layer for filters in capacity.filters for layer in _convolutions(keras.layers.Conv2D, filters, seed, capacity)
    ]
    return _sequential(
        "encoder",
        *convolutions,
        keras.layers.Flatten(),
        keras.layers.Dense(256, activation="relu", kernel_initializer=_glorot(seed)),
        keras.layers.Dense(outputs, kernel_initializer=_glorot(seed)),
    )


def decoder(image_shape: tuple[int, int, int], seed: int, capacity: Capacity = PUBLISHED) -> keras.Sequential:
    """The encoder in reverse: from a latent vector to an image of `image_shape`, values in [0, 1]."""
    height, width, channels = image_shape
    halvings = 2 ** len(FILTERS)
    smallest = (height // halvings, width // halvings, capacity.filters[-1])
    transposed = [
        layer
        for filters in reversed(capacity.filters)
        for layer in _convolutions(keras.layers.Conv2DTranspose, filters, seed, capacity)
    ]
    units = smallest[0] * smallest[1] * smallest[2]
    return _sequential(
        "decoder",
        keras.layers.Dense(units, activation="relu", kernel_initializer=_glorot(seed)),
        keras.layers.Reshape(smallest),
        *transposed,
        ThinConv2D(
            channels,
            3,
            padding="same",
            activation="sigmoid",
            kernel_initializer=_glorot(seed),
            dtype="float32",  # whatever the other layers compute in, as errors are computed in float32
        ),
    )


def _sequential(name: str, *steps: keras.Layer) -> keras.Sequential:
    """The layers, named by their places: Keras counts all layers of a process, and equal networks would differ."""
    for place, layer in enumerate(steps, start=1):
        layer.name = f"{type(layer).__name__.lower()}_{place}"
    return keras.Sequential(steps, name=name)


def _convolutions(kind: type, filters: int, seed: int, capacity: Capacity) -> Iterator[keras.Layer]:
    """A convolution of `kind` with stride 2, then `depth` convolutions with stride 1."""
    for layer, strides in ((kind, 2), *[(keras.layers.Conv2D, 1)] * capacity.depth):
        activation = None if capacity.batch_norm else "relu"
        kernel = _glorot(seed)
        yield layer(filters, 3, strides=strides, padding="same", activation=activation, kernel_initializer=kernel)
        if capacity.batch_norm:
            yield keras.layers.BatchNormalization()
            yield keras.layers.ReLU()


@keras.saving.register_keras_serializable(package="lib")
class ThinConv2D(keras.layers.Conv2D):
    """A convolution to few channels with a faster gradient on a processor; values and gradients are the usual ones.

    The library computes the gradient of the filters slowly for many input and few output channels. A transposed
    convolution by the filters rotated by 180° has the same values, and the gradient of one from few channels to many.
    Measured for the last layer of the published decoder: 9 instead of 62 ms a step. (`tf.custom_gradient` would do as
    well, but keeps its graph, with all weights, in memory until the process ends.) Strides of 1, "same" padding only.
    """

    def call(self, inputs):
        """From (n, H, W, C) to (n, H, W, filters)."""
        turned = tf.transpose(tf.cast(self.kernel, inputs.dtype)[::-1, ::-1], [0, 1, 3, 2])
        shape = tf.concat([tf.shape(inputs)[:3], [self.filters]], axis=0)
        outputs = tf.nn.conv2d_transpose(inputs, turned, shape, 1, "SAME")
        outputs.set_shape([*inputs.shape[:3], self.filters])
        return self.activation(tf.nn.bias_add(outputs, self.bias))


def describe(part: keras.Sequential) -> list[dict[str, Any]]:
    """One row for each layer of a built part: `part`, `layer`, `output` (shape without the batch), `parameters`."""
    return [
        {
            "part": part.name,
            "layer": _readable(layer),
            "output": list(layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in part.layers
    ]


def _glorot(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def _readable(layer: keras.Layer) -> str:
    kind = type(layer).__name__.removeprefix("Thin")
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "linear")
    size = getattr(layer, "filters", None) or getattr(layer, "units", None)
    return kind + (f" {size}" if size else "") + (f", {name}" if name != "linear" else "")
