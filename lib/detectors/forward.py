"""What a Keras network computes, by NumPy alone: the layers of this project's networks, in float32, not trained."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lib.core.backend import keras


def outputs(model: "keras.Model", batch: np.ndarray) -> tuple[dict[int, np.ndarray], list[str]]:
    """The output of every layer of a network.

    Args:
        model: a functional model with one input.
        batch: float32, of the input's shape.

    Returns:
        Outputs, float32, by the `id` of the layer's symbolic output; and the names of the layers that have no NumPy
        pass here, whose outputs are eager passes on the processor.
    """
    from lib.core.backend import keras, tf

    values, others = {id(model.inputs[0]): batch}, []
    for operation in model.operations:
        taken = operation.input if isinstance(operation.input, list) else [operation.input]
        given = [values[id(tensor)] for tensor in taken if id(tensor) in values]
        compute = LAYERS.get(type(operation).__name__) if isinstance(operation, keras.Layer) else None
        if id(operation.output) in values:  # the input
            continue
        if compute is None or len(given) != len(taken) or not _is_plain(operation):
            others.append(operation.name)
            with tf.device("CPU:0"):
                values[id(operation.output)] = _eager(model, operation, given, batch)
            continue
        values[id(operation.output)] = compute(operation, *given).astype(np.float32, copy=False)
    return values, others


def _eager(model: "keras.Model", operation: Any, given: list[np.ndarray], batch: np.ndarray) -> np.ndarray:
    from lib.core.backend import keras, tf

    if isinstance(operation, keras.Layer):
        found = operation(*given) if len(given) == 1 else operation([tf.constant(values) for values in given])
    else:  # an operation may have constants that it does not tell
        found = keras.Model(model.inputs, operation.output)(tf.constant(batch), training=False)
    return tf.cast(found, tf.float32).numpy()


def _is_plain(layer: Any) -> bool:
    """Whether a layer has no option that the functions below leave out."""
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    usual = {"data_format": "channels_last", "groups": 1, "dilation_rate": (1, 1), "output_padding": None}
    return activation in ACTIVATIONS and all(getattr(layer, key, value) == value for key, value in usual.items())


def _activated(layer: Any, values: np.ndarray) -> np.ndarray:
    if getattr(layer, "use_bias", False):
        values = values + np.asarray(layer.bias)
    return ACTIVATIONS[getattr(getattr(layer, "activation", None), "__name__", "linear")](values)


def _padded(values: np.ndarray, sizes: tuple[int, int], strides: tuple[int, int], padding: str, fill=0.0) -> np.ndarray:
    """TensorFlow's "same" padding: more on the right and below where it cannot be even."""
    widths = [(0, 0)] * 4
    if padding == "same":
        for axis, size, stride in zip((1, 2), sizes, strides, strict=True):
            total = max((-(-values.shape[axis] // stride) - 1) * stride + size - values.shape[axis], 0)
            widths[axis] = (total // 2, total - total // 2)
    return np.pad(values, widths, constant_values=fill)


def _windows(layer: Any, values: np.ndarray, sizes: tuple[int, int], fill: float = 0.0):
    """For each place in a window, the values that it sees: `(row, column), (n, h, w, C)`."""
    strides = layer.strides
    values = _padded(values, sizes, strides, layer.padding, fill)
    height, width = ((values.shape[axis] - sizes[axis - 1]) // strides[axis - 1] for axis in (1, 2))
    for row, column in np.ndindex(*sizes):
        rows, columns = (
            slice(row, row + height * strides[0] + 1, strides[0]),
            slice(column, column + width * strides[1] + 1, strides[1]),
        )
        yield (row, column), values[:, rows, columns]


def _convolution(layer: Any, values: np.ndarray) -> np.ndarray:
    kernel = np.asarray(layer.kernel)
    return _activated(layer, sum(seen @ kernel[place] for place, seen in _windows(layer, values, layer.kernel_size)))


def _depthwise(layer: Any, values: np.ndarray) -> np.ndarray:
    kernel = np.asarray(layer.kernel)  # (h, w, C, m)
    parts = (seen[..., None] * kernel[place] for place, seen in _windows(layer, values, layer.kernel_size))
    total = sum(parts)
    return _activated(layer, total.reshape(*total.shape[:3], -1))


def _transposed(layer: Any, values: np.ndarray) -> np.ndarray:
    kernel, (down, across) = np.asarray(layer.kernel), layer.strides  # (h, w, out, in)
    count, height, width, _ = values.shape
    sizes = [(height - 1) * down + kernel.shape[0], (width - 1) * across + kernel.shape[1]]
    whole = np.zeros((count, *sizes, kernel.shape[2]), np.float32)
    for row, column in np.ndindex(*kernel.shape[:2]):
        rows = slice(row, row + (height - 1) * down + 1, down)
        columns = slice(column, column + (width - 1) * across + 1, across)
        whole[:, rows, columns] += values @ kernel[row, column].T
    if layer.padding == "same":
        top, left = (max(size - stride, 0) // 2 for size, stride in zip(kernel.shape, layer.strides, strict=False))
        whole = whole[:, top : top + height * down, left : left + width * across]
    return _activated(layer, whole)


def _normalised(layer: Any, values: np.ndarray) -> np.ndarray:
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    values = (values - np.asarray(layer.moving_mean)) * (scale * np.asarray(layer.gamma) if layer.scale else scale)
    return values + np.asarray(layer.beta) if layer.center else values


def _relu(layer: Any, values: np.ndarray) -> np.ndarray:
    slope, least = layer.negative_slope or 0.0, layer.threshold or 0.0
    values = np.where(values >= least, values, slope * (values - least))
    return values if layer.max_value is None else np.minimum(values, layer.max_value)


def _largest(layer: Any, values: np.ndarray) -> np.ndarray:
    return np.max([seen for _, seen in _windows(layer, values, layer.pool_size, -np.inf)], axis=0)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0.0),
    "relu6": lambda values: np.clip(values, 0.0, 6.0),
    "sigmoid": lambda values: 0.5 * (1.0 + np.tanh(0.5 * values)),
    "tanh": np.tanh,
}
LAYERS: dict[str, Callable[..., np.ndarray]] = {
    "Activation": _activated,
    "Add": lambda layer, *values: sum(values),
    "BatchNormalization": _normalised,
    "Concatenate": lambda layer, *values: np.concatenate(values, axis=layer.axis),
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Dense": lambda layer, values: _activated(layer, values @ np.asarray(layer.kernel)),
    "DepthwiseConv2D": _depthwise,
    "Dropout": lambda layer, values: values,
    "Flatten": lambda layer, values: values.reshape(len(values), -1),
    "GlobalAveragePooling2D": lambda layer, values: values.mean(axis=(1, 2), keepdims=layer.keepdims),
    "MaxPooling2D": _largest,
    "ReLU": _relu,
    "Rescaling": lambda layer, values: values * np.asarray(layer.scale) + np.asarray(layer.offset),
    "Reshape": lambda layer, values: values.reshape(len(values), *layer.target_shape),
    "ThinConv2D": _convolution,
    "ZeroPadding2D": lambda layer, values: np.pad(values, ((0, 0), *layer.padding, (0, 0))),
}
