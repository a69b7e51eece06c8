"""The fits of a study from the last on, while `02_training` makes them from the first on in another process.

The two meet in the cache, where each fit and its scores are made once and waited for.
"""

from lib.data import attributes
from lib.params import Parameters
from lib.study.fits import fit_and_score
from lib.study.study import Study
from lib.study.training import in_order, plan


def work(parameters: str) -> None:
    """Makes the fits of a parameter set, given as JSON, and measures the images for the chapter on anomalies."""
    study = Study.open(Parameters.model_validate_json(parameters))
    for entry in reversed(in_order(plan(study))):
        fit_and_score(entry.study, entry.spec, entry.every_score)
    if not study.params.inspects:
        attributes.of_images(study.images)
