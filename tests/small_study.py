"""Two small studies of the digits, fitted once a session; what both fit alike is fitted once."""

import functools
from dataclasses import replace

from lib import params
from lib.core import paths
from lib.evaluation import comparison
from lib.study import Run, Study, fit_all
from lib.study.run import FORMAT

SMALL = {
    "image_size": 16,
    "latent_dim": 4,
    "epochs": 6,
    "batch_size": 8,
    "learning_rate": 0.002,
    "refinements": [],
    "backbone": "",
}
STUDIES = {
    "resubstitution": {"detectors": [{"pca": {"components": 8}}]},
    "holdout": {
        "protocol": "holdout",
        "validation_share": 0.2,
        "seeds": [1],
        "refinements": [{"fit_images": 0.5}],
        "detectors": [
            {"features": {"method": "patches", "size": 16, "share": 1.0, "coreset": 200}},
            {"features": {"size": 24}},
        ],
    },
}


def small(**changes):
    """The parameters of a small study."""
    return params.load("digits").model_copy(update=SMALL | changes)


@functools.cache
def opened(protocol):
    """One of the two studies."""
    return Study.open(small(**STUDIES[protocol]))


@functools.cache
def fitted(protocol):
    """One of the two studies, its run, what it fitted, and the names of the detectors that it saved."""
    study, run = opened(protocol), Run(paths.cache_folder() / "small" / protocol)
    fits = fit_all(study, run)
    return study, run, fits, comparison.save_detectors(study, run, fits)


def with_params(study, **changes):
    """The same images and split, with parameters that neither depends on."""
    return replace(study, params=study.params.model_copy(update=changes))


def made_run(folder, study, scores, **records):
    """A run of artificial detectors: their scores by column, and what their records in `fits.json` have else."""
    run = Run(folder)
    usual = {"family": "baseline", "kind": "x", "changes": {}, "score": "", "roles": ["leaderboard"], "options": {}}
    fits = {
        column: usual | {"label": column, "seconds": {"fit": 1.0, "score": 1.0}} | records.get(column, {})
        for column in scores
    }
    run.write("fits", {"format": FORMAT, "fits": fits})
    run.write_scores(study.images.table[["id"]].assign(**scores))
    return run
