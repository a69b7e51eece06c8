"""The detectors that flag what their network cannot reconstruct; see `networks` for the Keras models."""

import hashlib
import importlib
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lib.core.cache import content_key
from lib.detectors.base import Detector, History, Images
from lib.detectors.reconstruction.options import SCORES, NetworkOptions

if TYPE_CHECKING:
    from lib.detectors.reconstruction.networks.network import Network


class ReconstructionDetector(Detector):
    """A detector around a network that reconstructs its input; the published score is the mean squared error.

    Attributes:
        network_class: module and class of the network.
        network: the fitted network; None before.
        state: arrays that other scores than the mean squared error need; empty where they were not fitted.
    """

    options: NetworkOptions
    uses_device = True
    network_class: ClassVar[tuple[str, str]]

    def __init__(self, options: NetworkOptions):
        super().__init__(options)
        self.network: Network | None = None
        self.state: Mapping[str, np.ndarray] = {}

    @property
    @abstractmethod
    def beta(self) -> float:
        """Weight of the KL term; 0 for an autoencoder."""

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits the network; returns `loss`, `reconstruction`, `seconds` and, of a VAE, `kl`, by epoch."""
        pixels = images.pixels(self.options.image_size)
        self.network = self._class().of(self.options, pixels.shape[1:], self.beta)
        return self.network.fit(np.asarray(pixels[self._used(indices)]), self.kind.title)

    def learn_score(self, images: Images, indices: np.ndarray) -> None:
        """Fits the distances of other scores than the mean squared error."""
        if self.options.score != "mse":
            self.state = self._fit_scores(images, indices)

    def score(self, images: Images) -> np.ndarray:
        """The option `score` of each image, float64 (N,); the mean squared error lies in [0, 1]."""
        pixels = images.pixels(self.options.image_size)
        if self.options.score == "mse":
            from lib.detectors.reconstruction.networks import passes

            return passes.mean_squared_error(self.network, pixels)
        if not self.state:
            raise ValueError(f"{self.kind.name}: the score '{self.options.score}' needs `learn_score` first")
        from lib.detectors.reconstruction.networks.scores import Scores

        return Scores(self.network, self.state).score(pixels)[self.options.score]

    def all_scores(self, images: Images, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Every score by name, float64 (N,); their distances are fitted to the images at `indices` first, and kept."""
        from lib.detectors.reconstruction.networks.scores import Scores

        pixels = images.pixels(self.options.image_size)
        self.state = self._fit_scores(images, indices)
        return Scores(self.network, self.state).score(pixels)

    @staticmethod
    def score_names() -> tuple[str, ...]:
        """The values of the option `score`."""
        return tuple(SCORES)

    def reconstruct(self, images: Images) -> np.ndarray:
        """Reconstructions, float32 (N, H, W, C) in [0, 1]: those that `score` judges."""
        from lib.detectors.reconstruction.networks import passes

        return passes.reconstructions(self.network, images.pixels(self.options.image_size))

    def networks(self, channels: int) -> dict[str, Any]:
        """The Keras models that a self-test of the device tries, by part; of the unfitted detector, new ones."""
        shape = (self.options.image_size, self.options.image_size, channels)
        network = self.network or self._class().of(self.options, shape, self.beta)
        return {"encoder": network.model.encoder, "decoder": network.model.decoder}

    def layers(self) -> list[dict[str, Any]]:
        """One row a layer: `part`, `layer`, `output`, `parameters`."""
        return self.network.describe()

    def save(self, folder: Path) -> None:
        """Writes the network, and the arrays that its score needs."""
        super().save(folder)
        self.network.save(folder)

    def arrays(self) -> dict[str, np.ndarray]:
        """What the score needs besides the network."""
        return dict(self.state)

    def key(self) -> str:
        """A key of the weights of the network, and of the arrays that the score needs."""
        weights = self.network.model.get_weights()
        hashes = [hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for array in weights]
        return content_key(super().key(), hashes)

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned."""
        self.state = arrays

    @classmethod
    def load(cls, folder: Path, options: NetworkOptions) -> Self:
        """The detector that `save` wrote."""
        detector = super().load(folder, options)
        detector.network = cls._class().load(folder)
        return detector

    @classmethod
    def modules(cls) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The fit depends on the network's module; scores depend on this one too, and on all that it imports."""
        return (cls.network_class[0],), (cls.__module__,)

    @classmethod
    def _class(cls) -> type["Network"]:
        module, name = cls.network_class
        return getattr(importlib.import_module(module), name)

    def _fit_scores(self, images: Images, indices: np.ndarray) -> dict[str, np.ndarray]:
        from lib.detectors.reconstruction.networks.scores import Scores

        pixels = images.pixels(self.options.image_size)
        return Scores.fit(self.network, np.asarray(pixels[self._used(indices)]))

    def _used(self, indices: np.ndarray) -> np.ndarray:
        from lib.detectors.reconstruction.networks import training

        return training.share_of(indices, self.options.fit_images, self.options.seed)
