"""The published study's autoencoder, and refinements of it."""

from lib.detectors.base import register
from lib.detectors.reconstruction.detector import ReconstructionDetector
from lib.detectors.reconstruction.options import NetworkOptions


@register("autoencoder", family="autoencoder", title="autoencoder", options=NetworkOptions)
class Autoencoder(ReconstructionDetector):
    """Flags images that an autoencoder, fitted on normal images, reconstructs badly."""

    network_class = ("lib.detectors.reconstruction.networks.autoencoder", "AutoencoderNetwork")
    beta = 0.0
