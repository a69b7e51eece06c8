"""Pretrained features on the real Caltech101."""

import numpy as np
import pytest
from conftest import tfds_folder

from lib import data, detectors, params
from lib.detectors.features.networks import backbones
from lib.evaluation.metrics import ranking

pytestmark = pytest.mark.caltech101

# Features of some images of the data set, made with PyTorch; the images are not ours to put into git.
REFERENCE = tfds_folder().parent / "reference" / "efficientnet_lite0_features.npz"


def test_nearest_neighbours_separate_held_out_airplanes_from_the_rest():
    """AUROC 0.999 was measured at 96 px on one division; HOG and its nearest neighbour have 0.94."""
    images = data.load(params.load("airplanes"))
    labels = images.labels("airplanes")
    random = np.random.default_rng(555)
    normal, others = random.permutation(np.flatnonzero(labels == 0)), random.permutation(np.flatnonzero(labels))
    test = images.take(np.sort(np.concatenate([normal[560:], others[:600]])))
    detector = detectors.spec("features", {"size": 96}, {}).create()
    fit = images.take(normal[:560])
    detector.fit(fit, np.arange(560))
    assert ranking.auroc(test.labels("airplanes"), detector.score(test))["value"] > 0.997


if REFERENCE.is_file():

    @pytest.mark.parametrize("size", [96, 160])
    def test_features_are_those_that_pytorch_computes_of_caltech101(size):
        reference = np.load(REFERENCE)
        found = backbones.Backbone(at_least=size).embed(reference["image_96"])
        expected = reference[f"features_{size}"]
        errors = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert errors.max() < 1e-3
