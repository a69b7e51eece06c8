"""Parts about fits of the autoencoder and its variants, where the study makes them."""

from typing import Any

from lib.evaluation import comparison, evaluate
from lib.presentation import examples, plots, show, text
from lib.study import Run, Study, published_at

PUBLISHED_VAES = 2


def variant(study: Study, run: Run, name: str) -> dict[str, Any]:
    """A variant of the autoencoder: its loss, reconstructions and decisions; returns what `evaluate` says of it."""
    record, title = evaluate.evaluate(study, run, name), text.detector_name(name)
    result, threshold, label = record["at"], record["threshold"]["value"], name.replace("_", "-")
    published = published_at(study.params, name, threshold)
    show.prose(text.learning(name, run.history(name)))
    show.figure(
        examples.reconstructions(study, run, name),
        label=f"fig-{label}-pairs",
        caption=f"The first images fitted on (above) and their reconstructions by the {title} (below).",
    )
    show.prose(text.decisions(name, result, threshold, published))
    for group, indices in {"anomalies": study.anomalies, "normal": study.normal}.items():
        show.figure(
            examples.extreme_scores(study, run, name, indices, threshold),
            label=f"fig-{label}-{group}",
            caption=f"{'Anomalies' if group == 'anomalies' else 'Normal images'} of the test set with the lowest and "
            f"the highest scores of the {title}.",
        )
    return record


def rate_distortion(run: Run) -> None:
    """What passes through the latent vector of each VAE, where there are more than the published two."""
    variants = comparison.rate_distortion(run)
    if len(variants) <= PUBLISHED_VAES:
        show.nothing("the parameter file names no further β")
        return
    show.figure(
        plots.rate_distortion(variants),
        label="fig-rate-distortion",
        caption="The effect of β: nats that pass through the latent vector against the error of the reconstruction.",
    )


def seeds(study: Study, run: Run) -> None:
    """AUROC of the autoencoder by seed, where the study names further seeds."""
    by_seed = evaluate.seeds(study, run)
    if len(by_seed) < 2:
        show.nothing("the parameter file names no further `seeds`")
        return
    show.prose(text.seeds(by_seed))
    show.figure(
        plots.seed_spread({"autoencoder": by_seed}),
        label="fig-seeds",
        caption="AUROC of the autoencoder by seed; the tick is their mean.",
    )


def dtype_policy(study: Study, run: Run) -> None:
    """What mixed precision changes, where the study uses it."""
    record = evaluate.dtype_policy(study, run)
    if record is None:
        show.nothing("all layers compute in float32")
        return
    show.prose(text.dtype_policy(study.params.dtype_policy, record))
