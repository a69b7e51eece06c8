"""Networks that were fitted on ImageNet and turn images into features; they are not fitted any further."""

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from lib.core.backend import keras, tf
from lib.core.errors import UserError, did_you_mean
from lib.detectors import batches
from lib.detectors.features import files, tiles
from lib.detectors.features.networks import checkpoint, efficientnet, keras_file

OWN = "efficientnet_lite0"  # its weights come with the installation
PIXELS = 600_000  # in a batch: 65 images at 96 px, 11 at 224; larger batches are not faster on 2 cores
AT_LEAST = 160  # pixels. Nearest neighbours on airplanes of 96 px: AUROC 0.993 without enlargement, 0.999 at 160, and
# 0.9995 at 224 in twice the time.
MOST = 2  # times at most: a small image shows no more where it is larger
STRIDES = (8, 16, 32)  # of the layers that patch features are made of


def names() -> list[str]:
    """The names of all backbones: `efficientnet_lite0`, and the models of `keras.applications`.

    The two NASNets are left out: their layers fit together at one size of image only.
    """
    listed = [name for name, value in vars(keras.applications).items() if name[0].isupper() and callable(value)]
    return [OWN, *sorted(name for name in listed if not name.startswith("NASNet"))]


def check(name: str) -> None:
    """Raises an error unless there is a backbone of that name.

    Raises:
        UserError: there is no backbone of that name.
    """
    if name not in names():
        known = ", ".join((OWN, "MobileNetV2", "ResNet50"))
        raise UserError(
            f"backbone: '{name}' is not one{did_you_mean(name, names())}; there are {known}, every other "
            "model of keras.applications, or the path of a .keras file"
        )


def facts(name: str, sha256: str = "") -> tuple[int, bool, bool]:
    """What `lib.detectors.features.options.Facts` says of a backbone: size, whether it is fixed, whether it has maps.

    Raises:
        UserError: there is no backbone of that name, or its file is not one.
    """
    if files.is_file(name):
        network = keras_file.load(name, sha256)
        side = network.inputs[0].shape[1]
        return side or efficientnet.SIZE, side is not None, len(network.outputs[0].shape) == 4
    check(name)
    return (efficientnet.SIZE if name == OWN else _own_size(name)), False, True


class Backbone:
    """A network that turns images into features.

    Grey images are repeated to three channels. Embeddings are best near `size`, so smaller images are enlarged to
    `at_least` before they are embedded, but to no more than twice their size. Patch features are computed without
    enlargement. A network from a file is given images as they are; see `keras_file.load` for what it must be.

    Attributes:
        name: one of `names()`, or the path of a `.keras` file.
        size: side of the images that the network was fitted on, pixels.
        at_least: shorter side that images are enlarged to before they are embedded, pixels.
        network: the Keras model.
        key: of the weights and of `at_least`; equal keys give equal features, so that it can be part of cache keys.
    """

    def __init__(self, name: str = OWN, weights: str | None = "imagenet", at_least: int = AT_LEAST, sha256: str = ""):
        """Loads the network.

        Args:
            name: one of `names()`, or the path of a `.keras` file, relative to `params/`.
            weights: `"imagenet"`; or None for random weights of a model of `keras.applications`, without a download.
            at_least: shorter side that images are enlarged to before they are embedded, pixels; 0 for none.
            sha256: of the file.

        Raises:
            UserError: there is no backbone of that name, or its weights are not available.
        """
        self.name, self.at_least = name, at_least
        if files.is_file(name):
            network = keras_file.load(name, sha256)
            self.size, self.at_least = network.inputs[0].shape[1] or efficientnet.SIZE, 0
            weights_key = f"file {sha256.lower()}"
            self._preprocess = tf.identity
            layers = network.outputs
        elif name == OWN:
            self.size, weights_key = efficientnet.SIZE, efficientnet.SHA256
            self._preprocess = efficientnet.preprocess
            network = efficientnet.build(checkpoint.read(efficientnet.weights_file(), efficientnet.SHA256))
            layers = [network.get_layer(layer).output for layer in efficientnet.MAPS]
        else:
            check(name)
            self.size = _own_size(name)
            weights_key = f"keras {keras.__version__} {name} {weights or 'random'}"
            # The public modules leave out some models; the module that defines a model always has its preprocessing.
            self._preprocess = sys.modules[getattr(keras.applications, name).__module__].preprocess_input
            network = _application(name, weights)
            layers = _at_strides(network, self.size)
        self.key = f"{weights_key}, embedded at {self.at_least} px or {MOST} times their size"
        self.channels = network.inputs[0].shape[3]
        self.network, self._fitting = network, set()
        output, self._has_maps = network.outputs[0], len(network.outputs[0].shape) == 4
        if self._has_maps:
            output = keras.layers.GlobalAveragePooling2D(name="pooled")(output)
        self._embed = self._compiled(keras.Model(network.input, output))
        self._layers, self._mapping = layers, {}  # functions by number of layers

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embeddings, float32 (N, D): the mean of the last feature map; images uint8 (N, H, W, C), C 1 or 3."""
        return np.concatenate(list(self.stream_embeddings(images)))

    def stream_embeddings(
        self, images: np.ndarray, indices: np.ndarray | None = None, pieces: int = 1
    ) -> Iterator[np.ndarray]:
        """The embeddings of `embed`, batch by batch, in memory that does not grow with the number of images.

        Args:
            images: uint8 (N, H, W, C), may be a memory map.
            indices: of the images to embed, in the order given; all by default.
            pieces: n, where each image is cut into n × n tiles; an image then has n² rows, in the order of its tiles.
        """
        return self._batches(self._embed, images, self.at_least, indices, pieces)

    def maps(self, images: np.ndarray, layers: int = 2) -> np.ndarray:
        """Patch features, float32 (N, H/8, W/8, D), of uint8 images (N, H, W, C); see `joined`."""
        return np.concatenate(list(self.stream_maps(images, layers=layers)))

    def stream_maps(
        self, images: np.ndarray, indices: np.ndarray | None = None, pieces: int = 1, layers: int = 2
    ) -> Iterator[np.ndarray]:
        """The patch features of `maps`, batch by batch; arguments as those of `stream_embeddings`.

        Args:
            images: likewise.
            indices: likewise.
            pieces: likewise.
            layers: how many layers they are made of, the finest first: 2 as in PatchCore, or 3 as in PaDiM.

        Raises:
            UserError: the network has no feature maps.
        """
        if not self._has_maps:
            raise UserError(f"backbone: {self.name} has no feature maps, which patches need")
        if layers not in self._mapping:
            model = keras.Model(self.network.input, self._layers[:layers])
            self._mapping[layers] = self._compiled(lambda *given, **how: joined(_listed(model(*given, **how))))
        return self._batches(self._mapping[layers], images, 0, indices, pieces)

    def _compiled(self, network):
        """A function of uint8 images (n, H, W, C) and the size to enlarge them to, int32 (2,), to network outputs."""
        signature = [tf.TensorSpec([None, None, None, self.channels], tf.uint8), tf.TensorSpec([2], tf.int32)]

        @tf.function(input_signature=signature, autograph=False)
        def forward(images, size):
            enlarged = tf.image.resize(images, size)  # bilinear; changes nothing where they have that size
            return network(self._preprocess(enlarged), training=False)

        return forward

    def _batches(
        self, forward, images: np.ndarray, at_least: int, indices: np.ndarray | None, pieces: int
    ) -> Iterator[np.ndarray]:
        """Results batch by batch, at least one; all tiles of an image are in one batch."""
        height, width, channels = images.shape[1] // pieces, images.shape[2] // pieces, images.shape[3]
        if channels > self.channels:
            raise UserError(f"backbone: {self.name} takes grey images, and these have {channels} channels")
        if not len(images):  # TensorFlow's convolutions refuse an empty batch, so one blank image gives the shape
            one = np.zeros((1, *images.shape[1:]), np.uint8)
            yield from (batch[:0] for batch in self._batches(forward, one, at_least, None, pieces))
        scale = max(min(at_least / min(height, width), MOST), 1)
        size = round(height * scale), round(width * scale)
        self._check(*size)
        count = max(PIXELS // (size[0] * size[1]), 1)
        for batch in batches.slices(images, max(count // pieces**2, 1), indices):
            tiled = tiles.cut(batch, pieces)
            tiled = tiled if channels == self.channels else np.repeat(tiled, self.channels, axis=3)
            parts = [forward(tiled[start : start + count], size).numpy() for start in range(0, len(tiled), count)]
            yield parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _check(self, height: int, width: int) -> None:
        """Refuses images that are too small to leave a feature map: TensorFlow aborts the process at an empty map."""
        if (height, width) in self._fitting:
            return
        try:
            output = self.network.compute_output_spec(keras.KerasTensor((1, height, width, self.channels)))
            places = output.shape[1:3] if self._has_maps else (1, 1)
        except ValueError:
            places = (0, 0)
        if min(places) < 1:
            raise UserError(
                f"image_size: images of {height} × {width} pixels are too small for {self.name}; its own size is "
                f"{self.size}"
            )
        self._fitting.add((height, width))


@functools.lru_cache(maxsize=2)
def loaded(name: str, sha256: str = "") -> Backbone:
    """A backbone with its weights, loaded once for all detectors of a process, since a study has several.

    Raises:
        UserError: as `Backbone`.
    """
    return Backbone(name, sha256=sha256)


def joined(layers: list[Any]):
    """Patch features of several feature maps (Roth et al., 2022, arXiv:2106.08265).

    Coarser maps are enlarged to the grid of the finest one, and their channels are appended. Then every place takes the
    mean of its neighbourhood of 3 × 3 places, fewer at the border.

    Args:
        layers: maps (n, h, w, D1), (n, h', w', D2) and so on, float32, the finest first; or the first alone.

    Returns:
        (n, h, w, D1 + D2 + …).
    """
    fine = layers[0]
    coarser = [tf.image.resize(layer, tf.shape(fine)[1:3]) for layer in layers[1:]]
    return tf.nn.avg_pool2d(tf.concat([fine, *coarser], axis=3), 3, 1, "SAME")


def _listed(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


def _application(name: str, weights: str | None) -> keras.Model:
    """A model of `keras.applications` without its classifier, for colour images of any size."""
    try:
        # Messages about downloads do not belong on a page; the warning that weights were fitted at 224 is ignored, as
        # `size` says so.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return getattr(keras.applications, name)(include_top=False, weights=weights, input_shape=(None, None, 3))
    except Exception as error:  # downloads, checksums and files on disk raise many types
        line = " ".join(str(error).split())[:160]
        raise UserError(
            f"backbone: the weights of {name} cannot be downloaded ({line}); connect to the network once, "
            f"or use {OWN}, which needs none"
        ) from None


@functools.cache
def _own_size(name: str) -> int:
    """The default size of images of the model with its classifier, read from a model without weights."""
    return getattr(keras.applications, name)(weights=None).input_shape[1] or 224  # MobileNetV3 takes any size


def _at_strides(network: keras.Model, size: int) -> list[Any]:
    """The outputs at each of `STRIDES` to make patch features of: the last one among those with most channels.

    Not the last one of all, which may be one of several branches. Strides are rounded to powers of two, since the maps
    of networks that do not pad are a little smaller.
    """
    found: dict[int, Any] = {}
    outputs = [layer.output for layer in network.layers if not isinstance(layer, keras.layers.ZeroPadding2D)]
    outputs = [output for output in outputs if isinstance(output, keras.KerasTensor) and len(output.shape) == 4]
    shapes = keras.Model(network.input, outputs).compute_output_spec(keras.KerasTensor((1, size, size, 3)))
    for output, shape in zip(outputs, shapes, strict=True):
        stride = 2 ** round(np.log2(size / shape.shape[1]))
        if stride not in found or output.shape[-1] >= found[stride].shape[-1]:
            found[stride] = output
    return [found[stride] for stride in STRIDES]
