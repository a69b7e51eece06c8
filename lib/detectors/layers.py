"""The layers that the published study's three models share."""

from typing import Any

from lib.backend import keras

FILTERS = (32, 64, 128)  # of the encoder's convolutions; each halves height and width


def encoder(outputs: int, seed: int) -> keras.Sequential:
    """Three strided convolutions, a hidden layer of 256 and a linear layer of `outputs`."""
    convolutions = [
        keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer=_glorot(seed))
        for filters in FILTERS
    ]
    return keras.Sequential(
        [
            *convolutions,
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="relu", kernel_initializer=_glorot(seed)),
            keras.layers.Dense(outputs, name="latent_vector", kernel_initializer=_glorot(seed)),
        ],
        name="encoder",
    )


def decoder(image_shape: tuple[int, int, int], seed: int) -> keras.Sequential:
    """From a latent vector back to an image of `image_shape`, in [0, 1]: the encoder's way in reverse."""
    height, width, channels = image_shape
    smallest = (height // 2 ** len(FILTERS), width // 2 ** len(FILTERS), FILTERS[-1])
    transposed = [
        keras.layers.Conv2DTranspose(
            filters, 3, strides=2, padding="same", activation="relu", kernel_initializer=_glorot(seed)
        )
        for filters in reversed(FILTERS)
    ]
    units = smallest[0] * smallest[1] * smallest[2]
    return keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu", kernel_initializer=_glorot(seed)),
            keras.layers.Reshape(smallest),
            *transposed,
            keras.layers.Conv2D(
                channels, 3, padding="same", activation="sigmoid", kernel_initializer=_glorot(seed), name="image"
            ),
        ],
        name="decoder",
    )


def describe(part: keras.Sequential) -> list[dict[str, Any]]:
    """One row a layer of a built part: `part`, `layer`, `output` (shape without the batch), `parameters`."""
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
    kind = type(layer).__name__
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "linear")
    size = getattr(layer, "filters", None) or getattr(layer, "units", None)
    return kind + (f" {size}" if size else "") + (f", {name}" if name != "linear" else "")
