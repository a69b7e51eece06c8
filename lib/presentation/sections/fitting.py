"""Parts about the fit of the published autoencoder, where the study has one."""

from collections.abc import Mapping

from lib.detectors import BASELINE
from lib.presentation import examples, plots, show, tables, text
from lib.study import Fitted, Run, Study

NO_NETWORK = "it fits no autoencoder"


def learning(study: Study, fitted: Mapping[str, Fitted]) -> None:
    """The loss of the autoencoder by epoch."""
    if BASELINE not in fitted:
        show.nothing(NO_NETWORK)
        return
    history = fitted[BASELINE].history
    show.prose(text.learning(BASELINE, history))
    show.figure(
        plots.loss_curve({BASELINE: history["loss"]}),
        label="fig-loss",
        caption=f"Loss of the autoencoder by epoch, on the {len(study.split.fit):,} images it is fitted on.",
    )


def network(study: Study, fitted: Mapping[str, Fitted]) -> None:
    """The layers of the autoencoder."""
    if BASELINE not in fitted:
        show.nothing(NO_NETWORK)
        return
    layers, shape = fitted[BASELINE].layers, study.images.images.shape[1:]
    show.prose(text.network(layers, shape, study.params.latent_dim))
    show.table(
        tables.layers(layers),
        label="tab-layers",
        caption=f"Layers of the autoencoder for images of {shape[0]} × {shape[1]} pixels, channels: {shape[2]}.",
    )


def reconstructions(study: Study, run: Run, fitted: Mapping[str, Fitted]) -> None:
    """The first images fitted on, and their reconstructions by the autoencoder."""
    if BASELINE not in fitted:
        show.nothing(NO_NETWORK)
        return
    show.figure(
        examples.reconstructions(study, run, BASELINE),
        label="fig-pairs",
        caption="The first images fitted on (above) and their reconstructions by the autoencoder (below).",
    )
