"""The published study's autoencoder as a Keras model."""

from collections.abc import Mapping
from typing import Any

from lib.core.backend import keras
from lib.detectors.reconstruction.networks import layers
from lib.detectors.reconstruction.networks.network import Network, Settings


@keras.saving.register_keras_serializable(package="lib")
class AutoencoderModel(keras.Model):
    """Encoder and decoder, end to end.

    Args:
        image_shape: (H, W, C); H and W multiples of 8.
        latent_dim: size of the latent vector.
        seed: of every layer's initial weights, as in the study.
        capacity: the size of the network, as fields of `layers.Capacity`; empty: as published.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        seed: int,
        capacity: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.image_shape, self.latent_dim, self.seed = tuple(image_shape), latent_dim, seed
        self.capacity = dict(capacity or {})
        sized = layers.Capacity(**self.capacity)
        self.encoder = layers.encoder(latent_dim, seed, sized)
        self.decoder = layers.decoder(self.image_shape, seed, sized)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates every weight, so that a saved model can be loaded."""
        self.encoder.build(input_shape)
        self.decoder.build((None, self.latent_dim))
        self.built = True

    def call(self, images):
        """Reconstructions (n, H, W, C) in [0, 1] of images (n, H, W, C) in [0, 1]."""
        return self.decoder(self.encoder(images))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"image_shape": self.image_shape, "latent_dim": self.latent_dim, "seed": self.seed}
        own["capacity"] = self.capacity
        return super().get_config() | own


class AutoencoderNetwork(Network):
    """The published autoencoder with its settings."""

    @staticmethod
    def build(settings: Settings) -> AutoencoderModel:
        """The unfitted model, with the study's initial weights."""
        model = AutoencoderModel(
            settings.image_shape, settings.latent_dim, settings.seed, settings.capacity, name="autoencoder"
        )
        model.build((None, *settings.image_shape))
        return model
