"""The published study's variational autoencoder, with β = 1."""

import numpy as np

from lib.detectors.base import Images, register
from lib.detectors.reconstruction.detector import ReconstructionDetector
from lib.detectors.reconstruction.options import NetworkOptions


@register("vae", family="autoencoder", title="VAE", options=NetworkOptions)
class VAE(ReconstructionDetector):
    """Flags images that a variational autoencoder, fitted on normal images, reconstructs badly."""

    network_class = ("lib.detectors.reconstruction.networks.vae", "VAENetwork")
    beta = 1.0

    def latent_use(self, images: Images) -> dict[str, np.ndarray]:
        """How the latent vector is used on some images.

        Returns:
            `kl`, float64 (latent_dim,): mean KL divergence of each latent value from the prior, nats; and `activity`,
            the variance of its mean over the images.
        """
        return self.network.latent_use(images.pixels(self.options.image_size))
