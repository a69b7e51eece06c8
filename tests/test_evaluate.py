"""What scores are worth: evaluated on the test set alone, at thresholds that no test image has set."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from small_study import fitted, made_run, opened, with_params

from lib.core.errors import UserError
from lib.data import attributes
from lib.evaluation import evaluate, metrics, mistakes, thresholds
from lib.study import holdout_of


@pytest.fixture(scope="module")
def study():
    return with_params(opened("holdout"), threshold_rule="target_fpr", target_fpr=0.1)


@pytest.fixture(scope="module")
def run():
    return fitted("holdout")[1]


def changed(tmp_path, study, run, part):
    """A copy of a run in which the images of one part have other scores."""
    scores = run.scores_of("autoencoder").copy()
    scores[part] = np.random.default_rng(0).permutation(scores[part]) + 0.1
    return made_run(tmp_path, study, {"autoencoder": scores})


def test_no_image_is_in_two_parts_and_only_normal_ones_are_fitted_on_or_calibrate():
    for protocol in ("holdout", "resubstitution"):
        split, labels = holdout_of(opened(protocol)).split, opened(protocol).labels
        parts = [split.fit, split.calibration, split.validation, split.test]
        assert all(map(len, parts)) and len(np.unique(np.concatenate(parts))) == sum(map(len, parts))
        assert not labels[split.fit].any() and not labels[split.calibration].any()
        assert set(labels[split.validation]) == {0, 1}
    assert holdout_of(opened("holdout")) is opened("holdout")
    plain = holdout_of(with_params(opened("resubstitution"), detectors=[]))  # chooses nothing, so it needs no labels
    assert plain.params.protocol == "holdout" and not len(plain.split.validation)


def test_a_false_alarm_rate_is_kept_on_the_calibration_set_alone(study, run, tmp_path):
    own = evaluate.threshold(study, run, "autoencoder")
    assert own.value == thresholds.target_fpr(run.scores_of("autoencoder")[study.split.calibration], 0.1)
    for part, same in {"test": True, "fit": True, "validation": True, "calibration": False}.items():
        other = changed(tmp_path / part, study, run, getattr(study.split, part))
        assert (evaluate.threshold(study, other, "autoencoder") == own) is same
    with pytest.raises(UserError, match="calibration"):  # which has too few images to promise so low a rate
        evaluate.threshold(with_params(study, target_fpr=0.01), run, "autoencoder")


def test_rules_that_need_labels_see_the_validation_set_alone(study, run, tmp_path):
    study = with_params(study, threshold_rule="youden")
    validation = study.split.validation
    own = evaluate.threshold(study, run, "autoencoder")
    assert own.value == thresholds.youden(study.labels[validation], run.scores_of("autoencoder")[validation])
    for part, same in {"test": True, "calibration": True, "validation": False}.items():
        other = changed(tmp_path / part, study, run, getattr(study.split, part))
        assert (evaluate.threshold(study, other, "autoencoder") == own) is same


def test_figures_are_of_the_test_set_and_stand_in_metrics_json(study, run):
    record, test = evaluate.evaluate(study, run, "autoencoder", [0.01, 0.02]), study.split.test
    scores = run.scores_of("autoencoder")[test]
    auroc = record["auroc"]
    assert auroc["value"] == pytest.approx(roc_auc_score(study.labels[test], scores), abs=1e-9)
    assert auroc["low"] < auroc["value"] < auroc["high"]
    threshold = record["threshold"]["value"]
    assert record["at"]["tp"] == (scores[study.labels[test] == 1] > threshold).sum() > 0
    assert record["at"]["fp"] == (scores[study.labels[test] == 0] > threshold).sum()
    stored = json.loads((run.folder / "metrics.json").read_text())
    assert stored["dataset"] == {
        "name": "digits", "version": "scikit-learn", "images": 1797, "classes": 10, "normal": 174, "anomalies": 1623,
    }  # fmt: skip
    assert (stored["format"], stored["study"], stored["protocol"]) == (2, "digits", "holdout")
    kept = stored["detectors"]["autoencoder"]
    assert kept["auroc"] == auroc and kept["threshold"]["rule"] == "target_fpr"
    assert set(kept["thresholds"]) == {f"{threshold:g}", "0.01", "0.02"} and set(kept["seconds"]) == {"fit", "score"}
    for result in kept["thresholds"].values():
        assert result["fp"] + result["tn"] == len(study.normal) and result["tp"] + result["fn"] == len(study.anomalies)
    fpr, tpr, same = evaluate.roc_curves(study, run, {"autoencoder": record})["autoencoder"]
    assert same == auroc and np.trapezoid(tpr, fpr) == pytest.approx(auroc["value"])


@pytest.mark.parametrize("protocol", ["holdout", "resubstitution"])
def test_held_out_compares_new_normal_images_with_those_fitted_on(protocol):
    """Under resubstitution it is the same detector fitted again, so both studies find the same figures."""
    study, run, *_ = fitted(protocol)
    record, (held, own, *_) = evaluate.held_out(study, run), fitted("holdout")
    scores, anomalies = own.scores_of("autoencoder"), held.anomalies
    assert (record.fitted, record.unseen) == (len(held.split.fit), len(held.normal))
    for value, normal in ((record.own, held.split.fit), (record.new, held.normal)):
        ranked = roc_auc_score(np.r_[np.zeros(len(normal)), np.ones(len(anomalies))], scores[np.r_[normal, anomalies]])
        assert value["value"] == pytest.approx(ranked, abs=1e-9)
    assert run.read("metrics")["held_out"]["autoencoder"] == {"fitted": record.own, "unseen": record.new}


def test_classes_add_up_to_the_anomalies_of_the_test_set(study, run):
    frame = evaluate.by_class(study, run, "autoencoder", 0.01)
    assert frame["n"].sum() == len(study.anomalies) and "8" not in set(frame["class"])
    assert frame["recall"].is_monotonic_increasing and (run.folder / "classes.csv").is_file()


def test_another_seed_is_another_fit_evaluated_on_the_same_images(study, run):
    values, test = evaluate.seeds(study, run), study.split.test
    assert list(values) == [555, 1] and len(set(values.values())) == 2
    assert values[1] == pytest.approx(roc_auc_score(study.labels[test], run.scores_of("autoencoder_seed_1")[test]))
    assert run.read("metrics")["seeds"]["autoencoder"] == {"555": values[555], "1": values[1]}


def test_mixed_precision_is_compared_with_float32_on_the_test_set(study, tmp_path):
    random = np.random.default_rng(0).normal(size=len(study.labels))
    scores = {"autoencoder": random + study.labels, "autoencoder_float32": random + 2 * study.labels}
    seconds = {"fit": 3.0, "score": 2.0}
    run = made_run(tmp_path, study, scores, autoencoder_float32={"roles": ["float32"], "seconds": seconds})
    assert evaluate.dtype_policy(study, run) is None
    record = evaluate.dtype_policy(with_params(study, dtype_policy="mixed_bfloat16"), run)
    test = study.split.test
    mixed, exact = (metrics.auroc(study.labels[test], values[test]) for values in scores.values())
    assert (record["auroc"], record["exact"]) == (mixed, exact)
    assert record["difference"]["value"] == pytest.approx(mixed["value"] - exact["value"]) and mixed != exact
    assert record["seconds"] == {"mixed_bfloat16": 2.0, "float32": 5.0}


def test_decisions_divide_the_test_set(study, run):
    scores = run.scores_of("autoencoder")
    threshold = float(np.median(scores[study.normal]))
    found = mistakes.mistakes(study, scores, threshold)
    groups = [found.missed, found.detected, found.alarms, found.passed]
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)), study.split.test)
    assert [study.labels[group].mean() for group in groups] == [1, 1, 0, 0]
    assert [(scores[group] > threshold).mean() for group in groups] == [0, 1, 1, 0]


def test_the_attributes_of_two_groups_of_images_are_compared_strongest_difference_first(study):
    bright = np.argsort(study.images.images.mean(axis=(1, 2, 3)))
    names, results = mistakes.compare(study, bright[-50:], bright[:50])
    by_name = dict(zip(names, results, strict=True))
    brightness = next(result for name, result in by_name.items() if "bright" in name.lower())
    assert brightness["value"] == 1.0
    strengths = [abs(result["value"] - 0.5) for result in results]
    assert strengths == sorted(strengths, reverse=True) and min(strengths) < 0.4
    assert set(names) < set(attributes.DESCRIPTIONS.values())  # grey images have no saturation to compare
    assert mistakes.compare(study, np.array([], int), bright) == ([], [])
