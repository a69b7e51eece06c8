"""Sentences about variational autoencoders and the comparison of the study's detectors."""

from collections.abc import Mapping
from typing import Any

from lib.core.formatting import listed, percent
from lib.evaluation import metrics
from lib.presentation.text.terms import area, detector_name


def variations(cite: str, beta: float) -> str:
    """Why variational autoencoders are tried, and what the study that is reproduced found."""
    text = (
        "This chapter fits one variational autoencoder [@kingma2014] with the full weight of its KL term, and one with "
        f"the weight {beta:g} (β-VAE) [@higgins2017]."
    )
    if cite:
        text += (
            f" The study {cite} did the same. It found that its VAE reconstructs nothing, and repaired it by the "
            "smaller weight."
        )
    return text


def latent_use(records: Mapping[str, Mapping[str, Any]], spreads: Mapping[str, float]) -> str:
    """What passes through the latent vector of each VAE, and how much its reconstructions differ between images.

    Args:
        records: What `lib.evaluation.comparison.latent_use` returns, by the name of the VAE.
        spreads: Standard deviation of a pixel between the reconstructions of different images, mean over pixels, 0 to
            1, by the same names and for `autoencoder`.
    """
    lines = []
    for name, record in records.items():
        line = (
            f"- **{name}** (β = {record['beta']:g}): {record['kl']:.3g} nats per image pass through the latent vector; "
            f"{record['active']:,} of its {record['latent']:,} values are active. The weighted KL term is "
            f"{percent(record['share'])} of the loss of the last epoch. A pixel (0 to 1) of its reconstructions "
            "differs "
            f"between images by a standard deviation of {spreads[name]:.3f}; the autoencoder's by "
            f"{spreads['autoencoder']:.3f}."
        )
        if "posterior collapse" in record["alarms"]:
            line += (
                " **Posterior collapse** [@bowman2016; @lucas2019]: the latent vector carries almost nothing, so the "
                "reconstruction hardly depends on the image. One nat of KL adds "
                f"{record['beta']:g} to the loss, and the whole reconstruction term is {record['reconstruction']:.4f}."
            )
        elif "inert KL" in record["alarms"]:
            line += " **The KL term has no effect**: this VAE is an autoencoder with noise."
        lines.append(line)
    return "\n".join(lines)


def ranking(aurocs: Mapping[str, Mapping[str, float]], results: Mapping[str, Mapping[str, Any]]) -> str:
    """The detectors by AUROC on the test set, and those whose accuracy is not better than trivial decisions."""
    ranked = sorted(aurocs, key=lambda name: -aurocs[name]["value"])
    values = ", ".join(f"{detector_name(name)} {area(aurocs[name]['value'])}" for name in ranked)
    text = f"AUROC on the test set: {values}."
    trivial = [
        detector_name(name)
        for name, result in results.items()
        if metrics.better_than_trivial(result["accuracy"]) != "better"
    ]
    if trivial:
        text += f" No better in accuracy than flagging everything or nothing: {listed(trivial)}."
    return text
