"""Whether a variational autoencoder uses its latent vector: what passes through it, and at which price."""

from typing import Any

from lib.study import Run

ACTIVE = 0.01  # variance of a latent value's mean over images, above which it is active (Burda et al., 2016)
CARRIES = 0.01  # nats that a latent value carries at the least to be worth drawing
COLLAPSED = 1.0  # nats an image; with less in all, the decoder cannot tell two images apart
INERT = 0.001  # share of the loss; with less, the KL term has no effect


def latent_use(run: Run, column: str) -> dict[str, Any]:
    """How a VAE uses its latent vector on the images it was fitted on.

    Returns:
        `beta`; `kl`, nats an image; `kl_by_value`, nats of each latent value; `active`, how many values are active, of
        `latent`; `share`, of the weighted KL term in the last epoch's loss; `reconstruction`, its mean squared error
        there; `alarms`, any of `posterior collapse` (less than a nat an image passes, or no value is active) and `inert
        KL` (the term is so small a share of the loss that the network is an autoencoder with noise).
    """
    arrays, history = run.arrays("latent_use", column), run.history(column)
    beta = run.fits()[column]["options"].get("beta", 1.0)
    kl, reconstruction = float(arrays["kl"].sum()), history["reconstruction"][-1]
    weighted = beta * history["kl"][-1]
    share = weighted / (weighted + reconstruction)
    active = int((arrays["activity"] > ACTIVE).sum())
    alarms = []
    if kl < COLLAPSED or not active:
        alarms.append("posterior collapse")
    elif share < INERT:
        alarms.append("inert KL")
    return {
        "beta": beta,
        "kl": kl,
        "kl_by_value": arrays["kl"].tolist(),
        "active": active,
        "latent": len(arrays["kl"]),
        "share": share,
        "reconstruction": reconstruction,
        "alarms": alarms,
    }


def vaes(run: Run) -> dict[str, dict[str, Any]]:
    """The records of `Run.fits` of each VAE: the published ones under the study's protocol, and refinements."""
    own = run.fits("study")
    refined = {column: fit for column, fit in run.fits("leaderboard").items() if fit["changes"]}
    return {column: fit for column, fit in (own | refined).items() if run.arrays("latent_use", column)}


def rate_distortion(run: Run) -> dict[str, dict[str, Any]]:
    """The use of the latent vector by each VAE of a run, by label, in order of β."""
    records = {fit["label"]: latent_use(run, column) for column, fit in vaes(run).items()}
    return dict(sorted(records.items(), key=lambda pair: pair[1]["beta"]))
