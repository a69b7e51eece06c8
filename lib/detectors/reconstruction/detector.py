"""A detector that flags what its model cannot reconstruct."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from lib.core.backend import keras, tf
from lib.core.cache import replacing, write_json
from lib.core.errors import UserError
from lib.detectors import batches
from lib.detectors.reconstruction import layers, training


@dataclass(frozen=True)
class Settings:
    """How a model is built and fitted; see the keys of the same names in `lib.params.Parameters` and `Refinement`."""

    image_shape: tuple[int, int, int]
    latent_dim: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    beta: float = 0.0
    precision: str = "float32"
    width: float = 1.0
    depth: int = 0
    batch_norm: bool = False
    loss: str = "mse"
    augmentation: str = "none"
    denoising: float = 0.0
    reshuffle: bool = False

    @property
    def capacity(self) -> dict[str, Any]:
        """The size of the network, as fields of `lib.detectors.reconstruction.layers.Capacity`."""
        return {"width": self.width, "depth": self.depth, "batch_norm": self.batch_norm}

    @property
    def variation(self) -> training.Variation | None:
        """How the images vary between epochs; None if they do not."""
        chosen = training.Variation(self.augmentation, self.denoising, self.reshuffle)
        return None if chosen == training.Variation() else chosen


class ReconstructionDetector:
    """A `Detector` around a Keras model that reconstructs its input; the score is the mean squared error.

    The model has an `encoder` and a `decoder`. Subclasses give `build(settings)`, and override `_given` and `decoded`
    where the decoder takes more than what the encoder made.
    """

    def __init__(self, settings: Settings, model: keras.Model | None = None):
        self.settings = settings
        if model is None:
            with layers.computing_in(settings.precision):
                model = self.build(settings)
        self.model = model
        self._functions = functools.cache(self._compiled)  # compiled once, at the first score

    @staticmethod
    def build(settings: Settings) -> keras.Model:
        """The unfitted model."""
        raise TypeError("a subclass says what its model is")

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C); returns `loss`, `reconstruction`, `seconds` by epoch."""
        chosen = self.settings
        return training.fit(
            self.model,
            images,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            learning_rate=chosen.learning_rate,
            seed=chosen.seed,
            name=type(self).__name__ + (f" β={chosen.beta:g}" if chosen.beta else ""),
            loss=chosen.loss,
            variation=chosen.variation,
        )

    def score(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of each image, float64 (N,) in [0, 1]; images uint8 (N, H, W, C)."""
        score = self._functions()[0]
        return batches.stream(images, lambda batch: score(batch, *self._given(batch)).numpy())

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Reconstructions, float32 (N, H, W, C) in [0, 1], of uint8 images; the very ones that `score` judges."""
        reconstruct = self._functions()[1]
        return np.concatenate([reconstruct(batch, *self._given(batch)).numpy() for batch in batches.slices(images)])

    def describe(self) -> list[dict[str, Any]]:
        """One row a layer: `part`, `layer`, `output`, `parameters`."""
        return self.model.describe()

    def save(self, folder: Path) -> None:
        """Writes `detector.keras` and `settings.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        bare = type(self)(self.settings).model  # without the optimiser, twice the size, which nobody needs again
        bare.set_weights(self.model.get_weights())
        with replacing(folder / "detector.keras") as temporary:
            bare.save(temporary)
        write_json(folder / "settings.json", asdict(self.settings))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The detector that `save` wrote.

        Raises:
            UserError: its files are not there or not readable.
        """
        try:
            settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            settings["image_shape"] = tuple(settings["image_shape"])
            chosen = Settings(**settings)
            with layers.computing_in(chosen.precision):  # the model makes its layers anew, then takes their weights
                return cls(chosen, keras.models.load_model(folder / "detector.keras"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            line = " ".join(str(error).split())[:160]
            raise UserError(f"{folder}: not a fitted detector ({line}); remove the folder to fit again") from None

    def encoded(self, images):
        """What the encoder makes of float32 images (n, H, W, C) in [0, 1], and its last maps of a quarter the side.

        Returns:
            (n, L), of which the first `latent_dim` are the latent vector, or its mean; and (n, H/4, W/4, F).
        """
        quarter, maps, values = self.settings.image_shape[0] // 4, None, images
        for layer in self.model.encoder.layers:
            values = layer(values, training=False)
            if len(values.shape) == 4 and values.shape[1] == quarter:
                maps = values
        return values, maps

    def decoded(self, values, *given):
        """Reconstructions (n, H, W, C) in [0, 1] from what the encoder made, and what `_given` gives."""
        return self.model.decoder(values, training=False)

    def _given(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the model's reconstruction of a uint8 batch depends on besides the images."""
        return ()

    def _forward(self, images, *given):
        """Reconstructions of float32 images (n, H, W, C) in [0, 1]."""
        return self.decoded(self.encoded(images)[0], *given)

    def _compiled(self) -> tuple[Callable, Callable]:
        """From a uint8 batch (n, H, W, C) to its scores (n,), and to its reconstruction float32 (n, H, W, C).

        Scaling, model and error are one graph, so that nothing but scores leaves it for the images that no page shows.
        """
        signature = [tf.TensorSpec([None, *self.settings.image_shape], tf.uint8), *self._signature()]

        @tf.function(input_signature=signature, jit_compile=False)
        def reconstruct(batch, *given):
            return tf.cast(self._forward(tf.cast(batch, tf.float32) / 255.0, *given), tf.float32)

        @tf.function(input_signature=signature, jit_compile=False)
        def score(batch, *given):
            scaled = tf.cast(batch, tf.float32) / 255.0
            error = tf.math.squared_difference(scaled, tf.cast(self._forward(scaled, *given), tf.float32))
            return tf.reduce_mean(error, axis=[1, 2, 3])

        return score, reconstruct

    def _signature(self) -> list[tf.TensorSpec]:
        """Of what `_given` gives."""
        return []
