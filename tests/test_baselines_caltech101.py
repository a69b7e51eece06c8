"""The baselines and shortcuts on the real Caltech101, against figures measured independently of this code."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib import data, detectors, params

pytestmark = pytest.mark.caltech101

# AUROC at 96 px: 560 airplanes to fit, the 240 others against all 8,344 anomalies, one random division (seed 555).
MEASURED = {"edge_energy": 0.777, "mean_image": 0.871, "pca": 0.904, "hog": 0.9445}


@pytest.fixture(scope="module")
def auroc():
    images = data.load(params.load("airplanes"))
    labels = images.labels("airplanes")
    fit, held_out = np.split(np.random.default_rng(555).permutation(np.flatnonzero(labels == 0)), [560])
    test = np.concatenate([held_out, np.flatnonzero(labels)])

    def auroc_of(name):
        detector = detectors.spec(name, {}, {"image_size": 96}).create()
        detector.fit(images, fit)
        return roc_auc_score(labels[test], detector.score(images)[test])

    return auroc_of


@pytest.mark.parametrize("name", MEASURED)
def test_a_baseline_has_the_auroc_that_was_measured(auroc, name):
    assert auroc(name) == pytest.approx(MEASURED[name], abs=0.01)


def test_the_shape_of_the_file_gives_airplanes_away(auroc):
    """Half of the airplanes are over 2.3 times as wide as high, once decoded; little else in Caltech101 is."""
    assert auroc("aspect_ratio") > 0.98
    assert 0.6 < auroc("file_size") < auroc("aspect_ratio")
    assert auroc("white_margin") > 0.7
