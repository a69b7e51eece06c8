"""A study from parameters to scores: computed once, kept by content, and told truly."""

import json

import numpy as np
import pytest

from lib import params
from lib.core.errors import UserError
from lib.evaluation import evaluate
from lib.study import run
from lib.study.study import Study, finished, of_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("study")
        patch.setenv("ANOMALY_CACHE_DIR", str(root / "cache"))
        patch.delenv("ANOMALY_RUN_FOLDER", raising=False)
        yield root


@pytest.fixture(scope="module")
def study(place):
    small = {"image_size": 16, "latent_dim": 4, "epochs": 2, "refinements": [], "backbone": "", "seeds": []}
    return Study.open(params.load("digits").model_copy(update=small))


@pytest.fixture(scope="module")
def trained(study):
    run = study.begin()
    return run, study.train(run, "autoencoder")


def test_every_image_gets_one_score_in_the_data_sets_order(study, trained):
    run, fitted = trained
    frame = run.scores()
    assert frame["id"].tolist() == study.images.table["id"].tolist()
    np.testing.assert_array_equal(frame["autoencoder"], fitted.scores)
    assert frame["fitted"].sum() == study.counts["normal"] and not frame.loc[frame["fitted"], "label"].any()


def test_training_again_computes_nothing_and_changes_nothing(study, trained):
    run, fitted = trained
    again = study.train(run, "autoencoder")
    assert again.kept and not fitted.kept
    assert again.history == fitted.history and again.seconds == fitted.seconds
    np.testing.assert_array_equal(again.scores, fitted.scores)


@pytest.mark.parametrize("change", [{"threshold": 0.3}, {"title": "Other"}, {"thresholds": [0.1, 0.2]}, {"beta": 0.5}])
def test_what_does_not_matter_to_a_fit_does_not_refit(study, trained, change):
    other = Study.open(study.params.model_copy(update=change))
    assert other._fit_key("autoencoder") == study._fit_key("autoencoder")


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"latent_dim": 5}, {"seed": 1}, {"normal_class": "1"}, {"image_size": 24}]
)
def test_what_matters_to_a_fit_refits(study, trained, change):
    other = Study.open(study.params.model_copy(update=change))
    assert other._fit_key("autoencoder") != study._fit_key("autoencoder")
    assert study._fit_key("vae") != study._fit_key("autoencoder")


def test_every_reconstruction_that_pages_show_is_kept(study, trained):
    run, fitted = trained
    for group in (study.normal, study.anomalies):
        originals, reconstructions, scores, _ = study.extremes(run, "autoencoder", group, 0.1)
        by_hand = np.square(originals / 255 - reconstructions / 255).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(by_hand, scores, atol=2e-3)  # reconstructions are kept with 8 bits
        assert scores[0] == fitted.scores[group].min() and scores[-1] == fitted.scores[group].max()


def test_metrics_have_the_promised_form_and_add_up(study, trained):
    run, _ = trained
    evaluate.judge(study, run, "autoencoder", [0.01, 0.02])
    told = json.loads((run.folder / "metrics.json").read_text())
    assert told["dataset"] == {
        "name": "digits", "version": "scikit-learn", "images": 1797, "classes": 10, "normal": 174, "anomalies": 1623,
    }  # fmt: skip
    record = told["detectors"]["autoencoder"]
    assert set(record["seconds"]) == {"fit", "score"} and set(record["thresholds"]) == {"0.01", "0.02"}
    for result in record["thresholds"].values():
        assert result["tp"] + result["fn"] == 1623 and result["fp"] + result["tn"] == 174
    low, high = record["auroc"]["low"], record["auroc"]["high"]
    assert low <= record["auroc"]["value"] <= high


def test_a_run_tells_where_it_came_from(study, trained):
    run, _ = trained
    manifest = run.read("manifest")
    assert manifest["seed"] == 555 and manifest["data"]["fingerprint"] == study.images.fingerprint
    assert manifest["versions"]["keras"] and manifest["device"]
    assert of_run(run).params == study.params


def test_pixels_come_in_the_order_asked_for(study):
    order = np.array([5, 2, 9, 2])
    np.testing.assert_array_equal(study.pixels(order), np.asarray(study.images.images)[order])


def test_beginning_again_forgets_old_scores(study, trained):
    run, _ = trained
    before = run.scores()
    fresh = study.begin()
    assert not fresh.exists and fresh.read("metrics").get("detectors") is None
    study.train(fresh, "autoencoder")
    np.testing.assert_array_equal(fresh.scores()["autoencoder"], before["autoencoder"])


def test_a_run_that_is_not_there_is_trained_from_its_parameter_set(place, study, monkeypatch):
    monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(place / "elsewhere"))
    monkeypatch.setattr("lib.study.study.load", lambda name: study.params)
    assert finished("digits").exists


def test_a_missing_score_is_refused(tmp_path):
    left = run.Run(tmp_path)
    frame = Study.open(params.load("digits"))._frame().assign(autoencoder=np.nan)
    with pytest.raises(ValueError, match="no score"):
        left.write_scores(frame)
    assert not left.exists


def test_reading_a_run_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="run 02_training first"):
        run.Run(tmp_path).read("metrics")


def test_an_unkept_reconstruction_is_an_error_not_another_image(trained):
    run, _ = trained
    kept = set(np.load(run.detector("autoencoder") / "examples.npz")["indices"].tolist())
    absent = next(index for index in range(1797) if index not in kept)
    with pytest.raises(KeyError):
        run.examples("autoencoder", np.array([absent]))


def test_a_groups_differences_are_measured_on_it(study):
    bright = np.argsort(study.images.images.mean(axis=(1, 2, 3)))
    names, results = study.compare(bright[-50:], bright[:50])
    by_name = dict(zip(names, results, strict=True))
    brightness = next(result for name, result in by_name.items() if "bright" in name.lower())
    assert brightness["value"] == 1.0
    assert study.compare(np.array([], int), bright) == ([], [])
