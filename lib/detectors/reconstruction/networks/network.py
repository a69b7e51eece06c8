"""A Keras model that reconstructs its input, with its settings: built, fitted, saved and loaded."""

import gc
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lib.core import archives, backend
from lib.core.backend import keras, tf
from lib.core.cache import replacing, write_json
from lib.core.errors import UserError
from lib.detectors.reconstruction.networks import layers, training

LARGE = 1_000_000  # parameters; fitting keeps four times as many numbers


@dataclass(frozen=True)
class Settings:
    """How a model is built and fitted; see the options of the same names in `lib.detectors.reconstruction`."""

    image_shape: tuple[int, int, int]
    latent_dim: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    beta: float = 0.0
    dtype_policy: str = "float32"
    width: float = 1.0
    depth: int = 0
    batch_norm: bool = False
    loss: str = "mse"
    augmentation: str = "none"
    denoising: float = 0.0
    reshuffle: bool = False

    @property
    def capacity(self) -> dict[str, Any]:
        """The size of the network, as fields of `layers.Capacity`."""
        return {"width": self.width, "depth": self.depth, "batch_norm": self.batch_norm}

    @property
    def variation(self) -> training.Variation | None:
        """How the images vary between epochs; None if they do not."""
        variation = training.Variation(self.augmentation, self.denoising, self.reshuffle)
        return None if variation == training.Variation() else variation


class Network:
    """A model that has an `encoder` and a `decoder`.

    Subclasses give `build(settings)`, and override `inputs`, `input_signature` and `decoded` where the decoder takes
    more than the encoder's output.

    Attributes:
        latest: the engine of the last fit.
    """

    latest: ClassVar["Network | None"] = None

    def __init__(self, settings: Settings, model: keras.Model | None = None):
        self.settings = settings
        if model is None:
            with layers.computing_in(settings.dtype_policy):
                model = self.build(settings)
        self.model = model
        self.graphs: dict[str, Callable] = {}  # of the passes over images, each compiled at its first use
        self.owner: Network = self  # whose weights the model has

    @classmethod
    def of(cls, options: Any, image_shape: tuple[int, int, int], beta: float) -> Self:
        """An unfitted network for a detector's options, images of a shape, and a weight of the KL term."""
        names = {field.name for field in fields(Settings)} & type(options).model_fields.keys()
        values = {name: getattr(options, name) for name in names} | {"beta": beta}
        return cls(Settings(image_shape=tuple(image_shape), **values))

    @staticmethod
    def build(settings: Settings) -> keras.Model:
        """The unfitted model."""
        raise TypeError("a subclass builds its model")

    def fit(self, images: np.ndarray, name: str) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C); returns `loss`, `reconstruction`, `seconds` by epoch.

        The model of `engine` is fitted in place of this one's, and this one takes its weights. With `STRATEGY` a new
        model on all devices is fitted; but not with batch normalisation, which needs the whole batch on one device.
        """
        settings = self.settings
        if backend.strategy.num_replicas_in_sync > 1 and not settings.batch_norm:
            _drop_engine()
            with backend.strategy.scope():
                fitted = type(self)(settings).model
                self._give_state(fitted)
        else:
            fitted = self._new_engine().model
        history = training.fit(
            fitted,
            images,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            name=name,
            loss=settings.loss,
            variation=settings.variation,
        )
        self.model.set_weights(fitted.get_weights())
        return history

    def engine(self) -> Self:
        """The network that computes for this one, with the weights of this one.

        TensorFlow traces a model anew for every object, which takes longer than to fit a small one. So networks of one
        architecture are fitted and run by one of them, after each other; a network that was loaded runs by itself.
        """
        made = Network.latest
        if type(made) is not type(self) or made.shared != self.shared:
            return self
        if made.owner is not self:
            made.model.set_weights(self.model.get_weights())
            made.owner = self
        return made

    def _new_engine(self) -> Self:
        """The engine with everything as in this unfitted network: weights, the state of random draws, metrics."""
        made = Network.latest
        if type(made) is not type(self) or made.shared != self.shared:
            del made
            _drop_engine()
            made = Network.latest = type(self)(self.settings)
        self._give_state(made.model)
        made.owner = self
        return made

    def _give_state(self, model: keras.Model) -> None:
        for variable, value in zip(model.variables, self.model.variables, strict=True):
            variable.assign(value)

    @property
    def shared(self) -> Settings:
        """What networks must have in common to be fitted and run by one model."""
        return replace(self.settings, seed=0, epochs=0)

    def describe(self) -> list[dict[str, Any]]:
        """One row a layer: `part`, `layer`, `output`, `parameters`."""
        return layers.describe(self.model.encoder) + layers.describe(self.model.decoder)

    def save(self, folder: Path) -> None:
        """Writes `model.keras` and `settings.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "model.keras") as temporary:
            self.model.save(temporary)  # it has no optimiser, which is twice as large; the engine's has one
            _remove_times(temporary)
        write_json(folder / "settings.json", asdict(self.settings))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The network that `save` wrote.

        Raises:
            UserError: its files are missing or not readable.
        """
        try:
            values = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            settings = Settings(**values | {"image_shape": tuple(values["image_shape"])})
            with layers.computing_in(settings.dtype_policy):  # layers are created anew, then given their weights
                return cls(settings, archives.load(folder / "model.keras"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"{folder}: not a fitted network ({reason}); remove the folder to fit again") from None

    def encoded(self, images):
        """The encoder's output for float32 images (n, H, W, C) in [0, 1], and its last maps of a quarter the side.

        Returns:
            (n, L), of which the first `latent_dim` are the latent vector, or its mean; and (n, H/4, W/4, F).
        """
        quarter, maps, values = self.settings.image_shape[0] // 4, None, images
        for layer in self.model.encoder.layers:
            values = layer(values, training=False)
            if len(values.shape) == 4 and values.shape[1] == quarter:
                maps = values
        return values, maps

    def decoded(self, values, *inputs):
        """Reconstructions (n, H, W, C) in [0, 1] from the encoder's output, and what `inputs` returns."""
        return self.model.decoder(values, training=False)

    def inputs(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the reconstruction of a uint8 batch depends on besides the images."""
        return ()

    def input_signature(self) -> list[tf.TensorSpec]:
        """The signature of what `inputs` returns."""
        return []


def _drop_engine() -> None:
    """Gives back the memory of a large engine before another one is built; Python would do so at some later time."""
    large = Network.latest is not None and Network.latest.model.count_params() > LARGE
    Network.latest = None
    if large:
        gc.collect()


def _remove_times(archive: Path) -> None:
    """Write a `.keras` archive again without the time of saving."""
    plain = archive.with_suffix(".plain")
    with zipfile.ZipFile(archive) as saved, zipfile.ZipFile(plain, "w") as written:
        for part in saved.infolist():
            undated = zipfile.ZipInfo(part.filename)
            with saved.open(part) as source, written.open(undated, "w", force_zip64=True) as target:
                if part.filename == "metadata.json":
                    target.write(json.dumps({"keras_version": keras.__version__}).encode())
                else:
                    shutil.copyfileobj(source, target)
    plain.replace(archive)
