"""The detectors, and which of them a study's names mean."""

from lib.detectors.autoencoder import Autoencoder
from lib.detectors.base import Detector
from lib.detectors.reconstruction import ReconstructionDetector, Settings
from lib.detectors.vae import VAE
from lib.params import Parameters

__all__ = ["NAMES", "VAE", "Autoencoder", "Detector", "ReconstructionDetector", "Settings", "build", "load"]

NAMES = {"autoencoder": Autoencoder, "vae": VAE, "beta_vae": VAE}


def build(name: str, params: Parameters, channels: int) -> ReconstructionDetector:
    """An unfitted detector of a study.

    Args:
        name: `autoencoder`, `vae` (beta 1) or `beta_vae` (beta of the parameter set).
        params: the study's parameters.
        channels: of its images, 1 or 3.

    Raises:
        KeyError: no detector of that name.
    """
    beta = {"autoencoder": 0.0, "vae": 1.0, "beta_vae": params.beta}[name]
    settings = Settings(
        image_shape=(params.image_size, params.image_size, channels),
        latent_dim=params.latent_dim,
        epochs=params.epochs,
        batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        seed=params.seed,
        beta=beta,
    )
    return NAMES[name](settings)


def load(name: str, folder) -> ReconstructionDetector:
    """The fitted detector of that name which was saved in `folder`."""
    return NAMES[name].load(folder)
