"""Whether a variational autoencoder uses its latent vector: what passes through it, and at which price."""

from typing import Any

import numpy as np

from lib.study.study import Study

ACTIVE = 0.01  # variance of a latent value's mean over images, above which it is active (Burda et al., 2016)
CARRIES = 0.01  # nats that a latent value carries at the least to be worth drawing
COLLAPSED = 1.0  # nats an image; less in all, and the decoder cannot tell two images apart
INERT = 0.001  # share of the loss; less, and the KL term might as well not be there


def health(study: Study, name: str, beta: float) -> dict[str, Any]:
    """How a VAE uses its latent vector on the images it was fitted on.

    Returns:
        `beta`; `kl`, nats an image; `kl_by_value`, nats of each latent value, float64 (latent_dim,); `active`, how many
        values are active, of `latent`; `share`, of the weighted KL term in the last epoch's loss; `reconstruction`,
        its mean squared error there; `alarms`, any of `posterior collapse` (next to nothing passes) and `inert KL` (the
        term weighs next to nothing, so that it is an autoencoder with noise).
    """
    kept = study.health(name)
    history = study.history(name)
    kl, reconstruction = float(kept["kl"].sum()), history["reconstruction"][-1]
    weighted = beta * history["kl"][-1]
    share = weighted / (weighted + reconstruction)
    active = int((kept["activity"] > ACTIVE).sum())
    alarms = []
    if kl < COLLAPSED or not active:
        alarms.append("posterior collapse")
    elif share < INERT:
        alarms.append("inert KL")
    return {
        "beta": beta,
        "kl": kl,
        "kl_by_value": kept["kl"],
        "active": active,
        "latent": len(kept["kl"]),
        "share": share,
        "reconstruction": reconstruction,
        "alarms": alarms,
    }


def rate_distortion(study: Study, known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The health of each VAE of a study by its printed name, in order of β: those known, and its refinements."""
    found = dict(known)
    for refinement in study.params.refinements:
        if refinement.beta is not None:
            refined = study.refined(refinement)
            found[refinement.label] = health(refined, refined.name, refinement.beta)
    return dict(sorted(found.items(), key=lambda pair: pair[1]["beta"]))


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record of `health` as JSON keeps it."""
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in record.items()}
