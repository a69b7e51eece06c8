"""A detector that flags what its model cannot reconstruct."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from lib import scoring, training
from lib.backend import keras, tf
from lib.cache import replacing, write_json
from lib.errors import UserError


@dataclass(frozen=True)
class Settings:
    """How a model is built and fitted; see the keys of the same names in `lib.params.Parameters`."""

    image_shape: tuple[int, int, int]
    latent_dim: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    beta: float = 0.0


class ReconstructionDetector:
    """A `Detector` around a Keras model that reconstructs its input; the score is the mean squared error.

    Subclasses give `build(settings)`, and override `_compiled` where a plain call of the model will not do.
    """

    def __init__(self, settings: Settings, model: keras.Model | None = None):
        self.settings = settings
        self.model = model or self.build(settings)
        self._reconstructor = functools.cache(self._compiled)  # compiled once, at the first score

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
        )

    def score(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of each image, float64 (N,) in [0, 1]; images uint8 (N, H, W, C)."""
        return scoring.mean_squared_error(images, self._reconstructor())

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Reconstructions, float32 (N, H, W, C) in [0, 1], of uint8 images; the very ones that `score` judges."""
        reconstruct = self._reconstructor()
        return np.concatenate([reconstruct(batch) for batch in scoring.batches(images)])

    def describe(self) -> list[dict[str, Any]]:
        """One row a layer: `part`, `layer`, `output`, `parameters`."""
        return self.model.describe()

    def save(self, folder: Path) -> None:
        """Writes `detector.keras` and `settings.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "detector.keras") as temporary:
            self.model.save(temporary)
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
            return cls(Settings(**settings), keras.models.load_model(folder / "detector.keras"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            line = " ".join(str(error).split())[:160]
            raise UserError(f"{folder}: not a fitted detector ({line}); remove the folder to fit again") from None

    def _compiled(self) -> Callable[[np.ndarray], np.ndarray]:
        """From a float32 batch (n, H, W, C) in [0, 1] to its reconstruction."""
        images = tf.TensorSpec([None, *self.settings.image_shape], tf.float32)
        forward = tf.function(lambda batch: self.model(batch, training=False), input_signature=[images])
        return lambda batch: forward(batch).numpy()
