"""The detectors, and which of them a study's names mean.

What needs TensorFlow is imported at its first use, so that `lib.detectors.baselines`, which does not, stays quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lib.detectors.base import Detector
from lib.params import Parameters

if TYPE_CHECKING:
    from lib.detectors.reconstruction.autoencoder import Autoencoder
    from lib.detectors.reconstruction.detector import ReconstructionDetector, Settings
    from lib.detectors.reconstruction.vae import VAE

    NAMES: dict[str, type[ReconstructionDetector]]

__all__ = ["NAMES", "VAE", "Autoencoder", "Detector", "ReconstructionDetector", "Settings", "build", "load"]

_MODULES = {"Autoencoder": "autoencoder", "VAE": "vae", "ReconstructionDetector": "reconstruction"}
_MODULES["Settings"] = "reconstruction"


def __getattr__(name: str):
    """The public names that need TensorFlow; `NAMES` is each name of a study's detector with its class."""
    if name == "NAMES":
        autoencoder, vae = _imported("Autoencoder"), _imported("VAE")
        value = {"autoencoder": autoencoder, "vae": vae, "beta_vae": vae}
    elif name in _MODULES:
        value = _imported(name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return globals().setdefault(name, value)


def build(name: str, params: Parameters, channels: int, **changes: Any) -> "ReconstructionDetector":
    """An unfitted detector of a study.

    Args:
        name: `autoencoder`, `vae` (beta 1) or `beta_vae` (beta of the parameter set).
        params: the study's parameters.
        channels: of its images, 1 or 3.
        **changes: further fields of `Settings`, for a refinement of the detector.

    Raises:
        KeyError: no detector of that name.
    """
    beta = {"autoencoder": 0.0, "vae": 1.0, "beta_vae": params.beta}[name]
    settings = _imported("Settings")(
        image_shape=(params.image_size, params.image_size, channels),
        latent_dim=params.latent_dim,
        epochs=params.epochs,
        batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        seed=params.seed,
        beta=beta,
        precision=params.precision,
        **changes,
    )
    return __getattr__("NAMES")[name](settings)


def load(name: str, folder) -> "ReconstructionDetector":
    """The fitted detector of that name which was saved in `folder`."""
    return __getattr__("NAMES")[name].load(folder)


def _imported(name: str):
    return getattr(importlib.import_module(f"lib.detectors.{_MODULES[name]}"), name)
