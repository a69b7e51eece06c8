"""What scores are worth: judged on the test part alone, at thresholds that saw none of it."""

import json

import numpy as np
import pytest

from lib import params
from lib.core.errors import UserError
from lib.evaluation import evaluate, metrics, thresholds
from lib.study.study import Study, of_run


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("judgement")))
        patch.delenv("ANOMALY_RUN_FOLDER", raising=False)
        yield


def opened(**changes) -> Study:
    small = {"image_size": 16, "latent_dim": 4, "epochs": 2, "protocol": "holdout"}
    small |= {"refinements": [], "backbone": "", "seeds": []}
    return Study.open(params.load("digits").model_copy(update=small | changes))


@pytest.fixture(scope="module")
def held(place):
    study = opened(threshold_rule="target_fpr", target_fpr=0.1)
    run = study.begin()
    study.train(run, "autoencoder")
    return study, run


def test_nothing_that_is_judged_was_fitted_on_or_shown_to_the_rule(held):
    study, _ = held
    parts = [study.split.fit, study.split.calibration, study.split.validation, study.split.test]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything)
    assert not study.labels[study.split.fit].any() and not study.labels[study.split.calibration].any()


def test_the_threshold_follows_from_the_calibration_part_alone(held):
    study, run = held
    line = evaluate.threshold(study, run, "autoencoder")
    scores = run.scores()["autoencoder"].to_numpy()
    assert line.value == thresholds.target_fpr(scores[study.split.calibration], 0.1)
    frame = run.scores()
    frame.loc[study.split.test, "autoencoder"] = 0.5  # whatever the judged images score
    run.write_scores(frame)
    assert evaluate.threshold(study, run, "autoencoder") == line
    run.write_scores(frame.assign(autoencoder=scores))


def test_an_error_rate_that_calibration_cannot_support_is_refused(held):
    _, run = held
    with pytest.raises(UserError, match="calibration"):
        evaluate.threshold(opened(threshold_rule="target_fpr", target_fpr=0.01), run, "autoencoder")


def test_rules_that_need_labels_see_the_validation_part_only(held):
    _, run = held
    study = opened(threshold_rule="youden", validation_share=0.2)
    line = evaluate.threshold(study, run, "autoencoder")
    labelled = np.r_[study.split.calibration, study.split.validation]
    scores = run.scores()["autoencoder"].to_numpy()
    assert line.value == thresholds.youden(study.labels[labelled], scores[labelled])


def test_figures_are_of_the_test_part_and_stand_in_metrics_json(held):
    study, run = held
    record = evaluate.judge(study, run, "autoencoder", [0.01])
    result = record["at"]
    assert result["fp"] + result["tn"] == len(study.normal) and result["tp"] + result["fn"] == len(study.anomalies)
    told = json.loads((run.folder / "metrics.json").read_text())["detectors"]["autoencoder"]
    assert told["threshold"]["rule"] == "target_fpr" and f"{record['threshold']['value']:g}" in told["thresholds"]
    assert "0.01" in told["thresholds"] and told["auroc"] == record["auroc"]


def test_references_are_judged_on_the_same_images(held):
    study, run = held
    records = evaluate.references(study, run)
    labels, scores = study.test(run, "autoencoder")
    own = metrics.auroc(labels, scores)["value"]
    assert next(iter(records)) == "autoencoder" and records["autoencoder"]["auroc"]["value"] == pytest.approx(own)
    for record in list(records.values())[1:]:
        assert record["difference"]["value"] == pytest.approx(record["auroc"]["value"] - own, abs=1e-9)
    assert {name for name, record in records.items() if record["shortcut"]} >= {"file size", "aspect ratio"}
    # Every digit is a file of the same size and shape: such shortcuts know nothing.
    assert records["file size"]["auroc"]["value"] == records["aspect ratio"]["auroc"]["value"] == 0.5


def test_held_out_sets_unseen_images_beside_those_fitted_on(held):
    study, run = held
    found = evaluate.held_out(study, run)
    assert (found.fitted, found.unseen) == (len(study.split.fit), len(study.normal))
    assert found.new["value"] == pytest.approx(metrics.auroc(*study.test(run, "autoencoder"))["value"])


def test_under_resubstitution_the_detector_is_fitted_again_to_hold_out(held):
    apart, _ = held
    study = opened(protocol="resubstitution")
    run = study.begin()
    study.train(run, "autoencoder")
    found = evaluate.held_out(study, run)
    assert found.fitted == len(apart.split.fit) < study.counts["normal"]
    assert found.new["value"] == pytest.approx(metrics.auroc(*_scores(apart))["value"])


def _scores(study):
    return study.labels[study.split.test], study.scores("autoencoder")[study.split.test]


def test_classes_add_up_to_the_anomalies_judged(held):
    study, run = held
    frame = evaluate.by_class(study, run, "autoencoder", 0.01)
    assert frame["n"].sum() == len(study.anomalies) and "8" not in set(frame["class"])
    assert frame["recall"].is_monotonic_increasing


def test_another_seed_is_another_fit_judged_on_the_same_images(held):
    study, run = held
    repeated = Study(study.params.model_copy(update={"seeds": [1, 2]}), study.images, study.labels, study.split)
    values = evaluate.seeds(repeated, run)
    assert list(values) == [555, 1, 2] and len(set(values.values())) == 3


def test_a_duplicate_planted_after_the_division_stops_the_run_and_names_both_files(held, monkeypatch):
    study, _ = held
    run = study.begin()
    first, other = study.split.fit[0], study.normal[0]
    planted = study.groups.copy()
    planted[other] = planted[first]
    assert of_run(run).split.fit.tolist() == study.split.fit.tolist()
    monkeypatch.setattr("lib.study.study._groups", lambda images: planted)
    with pytest.raises(UserError) as stopped:
        of_run(run)
    ids = study.images.table["id"]
    assert ids[first] in str(stopped.value) and ids[other] in str(stopped.value) and "\n" not in str(stopped.value)
