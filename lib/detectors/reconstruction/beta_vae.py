"""The published study's β-VAE: the VAE with another weight of the KL term."""

from pydantic import Field

from lib.detectors.base import register
from lib.detectors.reconstruction.options import NetworkOptions
from lib.detectors.reconstruction.vae import VAE


class BetaVAEOptions(NetworkOptions):
    """Options of the VAE, and β."""

    beta: float = Field(0.0001, ge=0, le=100, description="weight of the KL term")


@register("beta_vae", family="autoencoder", title="β-VAE", options=BetaVAEOptions)
class BetaVAE(VAE):
    """Flags images that a β-VAE, fitted on normal images, reconstructs badly."""

    @property
    def beta(self) -> float:
        """Weight of the KL term."""
        return self.options.beta
