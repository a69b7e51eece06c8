"""The published autoencoder, unfitted, and a batch of images for it, for the benchmarks of single steps."""

import numpy as np

from lib import params
from lib.detectors.reconstruction.networks.autoencoder import AutoencoderNetwork
from lib.detectors.reconstruction.networks.network import Settings

STUDY = params.load("airplanes")
SHAPE = (STUDY.image_size, STUDY.image_size, 3)


def network(**settings) -> AutoencoderNetwork:
    """The network with the study's parameters, but for the settings given."""
    names = ("latent_dim", "epochs", "batch_size", "learning_rate", "seed")
    own = {"image_shape": SHAPE} | {name: getattr(STUDY, name) for name in names}
    return AutoencoderNetwork(Settings(**own | settings))


def batch() -> np.ndarray:
    """Random images, float32 (n, H, W, 3) in [0, 1], as many as a training step takes."""
    return np.random.default_rng(0).random((STUDY.batch_size, *SHAPE), np.float32)
