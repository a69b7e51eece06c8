"""The real data set, and a short study of it from end to end."""

import json

import numpy as np
import pytest

from lib import data, detectors, params
from lib.core import paths
from lib.core.errors import UserError
from lib.report import build
from lib.study import Run

pytestmark = pytest.mark.caltech101


@pytest.fixture(scope="module")
def small():
    """The published study at a third of its size and a quarter of its length."""
    changes = {"study": "small", "image_size": 32, "latent_dim": 128, "epochs": 5, "published": ""}
    return params.load("airplanes").model_copy(update=changes)


@pytest.fixture(scope="module")
def images(own_folder, small):
    return data.load(small)


@pytest.fixture(scope="module")
def report(own_folder, small):
    return build.build(small)


def test_it_is_on_disk(own_folder):
    assert data.missing(params.load("airplanes")) == ""


def test_it_holds_what_the_published_study_counted(images):
    published = json.loads((paths.params_folder() / "published" / "airplanes.json").read_text())["dataset"]
    labels = images.labels("airplanes")
    assert len(images.class_names) == images.table["class_name"].nunique() == published["classes"] == 102
    assert len(labels) == published["images"] == 9144
    assert (labels == 0).sum() == published["normal"] == 800
    assert labels.sum() == published["anomalies"] == 8344


def test_each_image_has_its_own_name_and_its_originals_size(images):
    table = images.table
    assert table["id"].is_unique and table["id"].is_monotonic_increasing
    assert table["id"].str.fullmatch(r"[\w-]+/image_\d{4}\.jpg").all()
    assert table["width"].between(80, 4000).all() and table["height"].between(80, 4000).all()
    airplanes = table[table["class_name"] == "airplanes"]
    assert (airplanes["width"] > airplanes["height"]).mean() > 0.95  # airplanes are wide


def test_an_unknown_normal_class_is_one_clear_line(images):
    with pytest.raises(UserError, match=r"did you mean 'airplanes'\?"):
        images.labels("airplane")


def test_a_class_that_is_not_there_stops_before_any_kernel(own_folder, small):
    with pytest.raises(UserError, match="normal_class"):
        build.build(small.model_copy(update={"study": "other", "normal_class": "zeppelin"}))
    assert not (own_folder / "reports" / "other").exists()


def test_a_short_study_distinguishes_airplanes_from_the_rest(report):
    stored = json.loads((report / "run" / "metrics.json").read_text())
    assert stored["dataset"]["images"] == 9144 and stored["protocol"] == "resubstitution"
    aurocs = {name: record["auroc"]["value"] for name, record in stored["detectors"].items()}
    assert set(aurocs) == {"autoencoder", "vae", "beta_vae"}
    assert 0.85 < aurocs["autoencoder"] < 0.99, aurocs
    assert aurocs["vae"] > 0.6, aurocs
    # The full study's VAE flags nearly everything; even a short one catches most anomalies at its threshold.
    vae = stored["detectors"]["vae"]["thresholds"]["0.02"]
    assert vae["recall"]["value"] > 0.97 and vae["fp"] > 400
    assert (report / "report.pdf").stat().st_size > 100_000


def test_a_saved_detector_scores_images_in_any_order_as_the_report_did(report, images):
    run, some = Run(report / "run"), np.random.default_rng(0).permutation(9144)[:300]
    for name in detectors.PUBLISHED:
        scores = detectors.load(run.detector(name)).score(images.take(some))
        np.testing.assert_allclose(scores, run.scores_of(name)[some], rtol=1e-4)
