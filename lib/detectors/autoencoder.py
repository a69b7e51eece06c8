"""The published study's autoencoder."""

from typing import Any

from lib.backend import keras
from lib.detectors import layers
from lib.detectors.reconstruction import ReconstructionDetector, Settings


@keras.saving.register_keras_serializable(package="lib")
class AutoencoderModel(keras.Model):
    """Encoder and decoder, end to end.

    Args:
        image_shape: (H, W, C); H and W multiples of 8.
        latent_dim: size of the latent vector.
        seed: of every layer's initial weights, as in the study.
    """

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.image_shape, self.latent_dim, self.seed = tuple(image_shape), latent_dim, seed
        self.encoder = layers.encoder(latent_dim, seed)
        self.decoder = layers.decoder(self.image_shape, seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates every weight, so that a saved model loads whole."""
        self.encoder.build(input_shape)
        self.decoder.build((None, self.latent_dim))
        self.built = True

    def call(self, images):
        """Reconstructions (n, H, W, C) in [0, 1] of images (n, H, W, C) in [0, 1]."""
        return self.decoder(self.encoder(images))

    def describe(self) -> list[dict[str, Any]]:
        """One row a layer."""
        return layers.describe(self.encoder) + layers.describe(self.decoder)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        own = {"image_shape": self.image_shape, "latent_dim": self.latent_dim, "seed": self.seed}
        return super().get_config() | own


class Autoencoder(ReconstructionDetector):
    """Flags images that an autoencoder, fitted on normal images, reconstructs badly."""

    @staticmethod
    def build(settings: Settings) -> AutoencoderModel:
        """The unfitted model, with the study's initial weights."""
        model = AutoencoderModel(settings.image_shape, settings.latent_dim, settings.seed)
        model.build((None, *settings.image_shape))
        return model
