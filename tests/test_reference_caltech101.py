"""Reference detectors on the real Caltech101, against figures measured independently of this code."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib import data, params
from lib.detectors import baselines

pytestmark = pytest.mark.caltech101

# AUROC at 96 px: 560 airplanes to fit, the 240 others against all 8,344 anomalies, one random division (seed 555).
MEASURED = {
    "edge energy": 0.777,
    "mean image distance": 0.871,
    "PCA reconstruction": 0.904,
    "HOG nearest neighbour": 0.9445,
}


@pytest.fixture(scope="module")
def images():
    return data.load(params.load("airplanes"))


@pytest.fixture(scope="module")
def auroc(images):
    labels = images.labels("airplanes")
    normal = np.random.default_rng(555).permutation(np.flatnonzero(labels == 0))
    fit = normal[:560]
    held_out = np.setdiff1d(np.arange(len(labels)), fit)

    def judged(name):
        scores, _ = baselines.fit_and_score(name, images.images, images.table, fit)
        return roc_auc_score(labels[held_out], scores[held_out])

    return judged


@pytest.mark.parametrize("name", MEASURED)
def test_it_judges_held_out_airplanes_as_well_as_was_measured(auroc, name):
    assert auroc(name) == pytest.approx(MEASURED[name], abs=0.01)


def test_the_shape_of_the_file_gives_airplanes_away(auroc):
    """Half of the airplanes are over 2.3 times as wide as high, once decoded; little else in Caltech101 is."""
    assert auroc("aspect ratio") > 0.98
    assert 0.6 < auroc("file size") < auroc("aspect ratio")
    assert auroc("white margins") > 0.7
