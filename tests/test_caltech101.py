"""The real data set, and a short study of it from end to end."""

import json

import numpy as np
import pytest

from lib import data, params
from lib.report import build
from lib.study.study import Study

pytestmark = pytest.mark.caltech101


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("caltech101")
        patch.setenv("ANOMALY_CACHE_DIR", str(root / "cache"))
        patch.setenv("ANOMALY_REPORTS_DIR", str(root / "reports"))
        yield root


@pytest.fixture(scope="module")
def small():
    """The published study at a third of its size and a quarter of its length."""
    changes = {"study": "small", "image_size": 32, "latent_dim": 128, "epochs": 5, "published": ""}
    return params.load("airplanes").model_copy(update=changes)


@pytest.fixture(scope="module")
def images(place, small):
    return data.load(small)


def test_it_is_on_disk(place):
    assert data.missing(params.load("airplanes")) == ""


def test_it_holds_what_the_published_study_counted(images):
    published = json.loads((params.paths.params_folder() / "published" / "airplanes.json").read_text())["dataset"]
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
    with pytest.raises(data.UserError, match=r"did you mean 'airplanes'\?"):
        images.labels("airplane")


def test_a_class_that_is_not_there_stops_before_any_kernel(place, small):
    with pytest.raises(data.UserError, match="normal_class"):
        build.build(small.model_copy(update={"normal_class": "zeppelin"}))
    assert not (place / "reports").exists()


def test_a_short_study_tells_airplanes_from_the_rest(place, small):
    folder = build.build(small)
    told = json.loads((folder / "run" / "metrics.json").read_text())
    assert told["dataset"]["images"] == 9144 and told["protocol"] == "resubstitution"
    aurocs = {name: record["auroc"]["value"] for name, record in told["detectors"].items()}
    assert set(aurocs) == {"autoencoder", "vae", "beta_vae"}
    assert 0.85 < aurocs["autoencoder"] < 0.99, aurocs
    assert aurocs["vae"] > 0.6, aurocs
    # The full study's VAE flags nearly everything; even a short one catches most anomalies at its threshold.
    vae = told["detectors"]["vae"]["thresholds"]["0.02"]
    assert vae["recall"]["value"] > 0.97 and vae["fp"] > 400
    assert (folder / "report.pdf").stat().st_size > 100_000


def test_scores_of_the_short_study_follow_the_images_and_not_their_order(place, small, images):
    opened = Study.open(small)
    from lib import detectors
    from lib.core import paths

    fitted = paths.cache_folder() / "fits" / opened._fit_key("autoencoder")
    detector = detectors.load("autoencoder", fitted)
    some = np.random.default_rng(0).permutation(9144)[:300]
    kept = next((paths.cache_folder() / "scores").glob("*/scores.npy"))
    assert kept.is_file()
    frame = build.Run(place / "reports" / "small" / "run").scores()
    np.testing.assert_allclose(detector.score(opened.pixels(some)), frame["autoencoder"].to_numpy()[some], rtol=1e-4)
