"""Sentences about variational autoencoders and the comparison of the study's detectors."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.formatting import listed, percent
from lib.evaluation import metrics
from lib.presentation.text.terms import detector_name


def collapse(history: Mapping[str, Sequence[float]], beta: float, spread: float, autoencoder: float) -> str:
    """The two loss terms of a VAE, and how much its reconstructions differ between images.

    Args:
        history: `reconstruction` (mean squared error) and `kl` (nats per image) by epoch.
        beta: Weight of the KL term.
        spread: Standard deviation between the reconstructions of different images, mean over pixels, in [0, 1].
        autoencoder: The same for the autoencoder.
    """
    kl, mse = history["kl"][-1], history["reconstruction"][-1]
    share = beta * kl / (beta * kl + mse)
    text = (
        f"With β = {beta:g}, the reconstruction term of the last epoch is {mse:.4f}. The KL divergence is {kl:.3g} "
        f"nats per image, weighted {beta * kl:.3g}, which is {percent(share)} of the loss. The standard deviation of a "
        f"pixel (0 to 1) between the reconstructions of different images is {spread:.4f}; for the autoencoder it is "
        f"{autoencoder:.4f}. "
    )
    if kl < 1.0:
        return text + (
            "The posterior has **collapsed** onto the prior: the latent vector carries less than one nat per image, so "
            "the reconstruction hardly depends on the input. One nat of KL adds "
            f"{beta:g} to the loss; the whole reconstruction term is {mse:.4f}."
        )
    return text + f"The latent vector carries {kl:.1f} nats per image."


def ranking(aurocs: Mapping[str, Mapping[str, float]], results: Mapping[str, Mapping[str, Any]]) -> str:
    """The detectors by AUROC on the test set, and those whose accuracy is not better than trivial decisions."""
    ranked = sorted(aurocs, key=lambda name: -aurocs[name]["value"])
    values = ", ".join(f"{detector_name(name)} {aurocs[name]['value']:.4f}" for name in ranked)
    text = f"AUROC on the test set: {values}."
    trivial = [
        detector_name(name)
        for name, result in results.items()
        if metrics.better_than_trivial(result["accuracy"]) != "better"
    ]
    if trivial:
        text += f" No better in accuracy than flagging everything or nothing: {listed(trivial)}."
    return text
