"""What must hold of every figure that judges scores, whatever the data."""

import json
import math
from statistics import NormalDist

import numpy as np
import pytest
import sklearn.metrics

from lib import metrics

PUBLISHED = {"tp": 7822, "fp": 193, "tn": 607, "fn": 522}


def decisions(tp, fp, tn, fn):
    """Labels, and scores of 1 (flagged) or 0 (passed), with just these counts."""
    labels = np.repeat([1, 0, 0, 1], [tp, fp, tn, fn])
    scores = np.repeat([1.0, 1.0, 0.0, 0.0], [tp, fp, tn, fn])
    return labels, scores


@pytest.fixture
def ranking():
    """Labels and overlapping scores with many ties; 150 anomalies, 50 normal images."""
    rng = np.random.default_rng(7)
    labels = np.repeat([1, 0], [150, 50])
    scores = np.round(rng.normal(1.2 * labels, 1.0), 1)
    order = rng.permutation(200)
    return labels[order], scores[order]


# ---------------------------------------------------------------- at a threshold


def test_published_counts_give_published_rates():
    result = metrics.at_threshold(*decisions(**PUBLISHED), 0.5)
    assert {key: result[key] for key in PUBLISHED} == PUBLISHED
    told = {"accuracy": 0.9218, "precision": 0.9759, "recall": 0.9374, "f1": 0.9563}
    assert {key: round(result[key]["value"], 4) for key in told} == told


def test_flagging_everything_at_the_published_prevalence():
    trivial = {key: metric["trivial"] for key, metric in rates_of(metrics.at_threshold(*decisions(**PUBLISHED), 0.5))}
    assert round(trivial["accuracy"], 4) == round(trivial["precision"], 4) == 0.9125
    assert round(trivial["f1"], 4) == 0.9543
    assert (trivial["recall"], trivial["balanced_accuracy"], trivial["mcc"]) == (1.0, 0.5, 0.0)


def rates_of(result):
    return [(key, result[key]) for key in metrics.RATES]


@pytest.mark.parametrize("threshold", [-5, 0.0, 0.7, 1.3, 9])
def test_agrees_with_scikit_learn(ranking, threshold):
    labels, scores = ranking
    result = metrics.at_threshold(labels, scores, threshold)
    flagged = (scores > threshold).astype(int)
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(labels, flagged).ravel()
    assert (result["tn"], result["fp"], result["fn"], result["tp"]) == (tn, fp, fn, tp)
    theirs = {
        "accuracy": sklearn.metrics.accuracy_score(labels, flagged),
        "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(labels, flagged),
        "precision": sklearn.metrics.precision_score(labels, flagged, zero_division=0),
        "recall": sklearn.metrics.recall_score(labels, flagged),
        "f1": sklearn.metrics.f1_score(labels, flagged, zero_division=0),
        "mcc": sklearn.metrics.matthews_corrcoef(labels, flagged),
    }
    assert {key: metric["value"] for key, metric in rates_of(result)} == pytest.approx(theirs)


def test_a_score_on_the_threshold_passes():
    result = metrics.at_threshold([1, 1, 0, 0], [0.02, 0.03, 0.02, 0.01], 0.02)
    assert (result["tp"], result["fn"], result["fp"], result["tn"]) == (1, 1, 0, 2)


def test_counts_sum_to_the_number_of_images(ranking):
    labels, scores = ranking
    for result in metrics.sweep(labels, scores, np.linspace(-3, 4, 9)):
        assert sum(result[key] for key in metrics.COUNTS) == len(labels)


def test_intervals_hold_the_value(ranking):
    for result in metrics.sweep(*ranking, np.linspace(-5, 6, 12)):
        for _, metric in rates_of(result):
            assert metric["low"] <= metric["value"] <= metric["high"]


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"tp": 0, "fp": 3, "tn": 7, "fn": 0}, {"balanced_accuracy", "recall", "mcc"}),
        ({"tp": 0, "fp": 0, "tn": 7, "fn": 0}, {"balanced_accuracy", "recall", "f1", "mcc"}),
        ({"tp": 3, "fp": 0, "tn": 0, "fn": 7}, {"balanced_accuracy", "mcc"}),
    ],
)
def test_what_has_no_meaning_is_none(counts, missing):
    result = metrics.at_threshold(*decisions(**counts), 0.5)
    assert {key for key, metric in rates_of(result) if metric["value"] is None} == missing
    assert all(metric["low"] is None for key, metric in rates_of(result) if key in missing)


def test_nothing_flagged_has_a_precision_of_zero():
    result = metrics.at_threshold(*decisions(tp=0, fp=0, tn=4, fn=6), 0.5)
    assert (result["precision"]["value"], result["f1"]["value"], result["mcc"]["value"]) == (0.0, 0.0, 0.0)


def test_results_are_plain_json(ranking):
    labels, scores = ranking
    for result in (
        metrics.at_threshold(labels, scores, 0.5),
        metrics.at_threshold(labels * 0, scores, 99),
        metrics.auroc(labels, scores),
        metrics.aupr(labels, scores),
        metrics.fpr_at_tpr(labels, scores),
        metrics.shift([1, 2], [0, 3]),
    ):
        assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize(
    "scores", [np.ones(500), np.random.default_rng(3).normal(size=500)], ids=["constant", "random"]
)
def test_a_scorer_that_knows_nothing_is_no_better_than_flagging_everything(scores):
    labels = np.repeat([1, 0], [450, 50])
    result = metrics.at_threshold(labels, scores, float(scores.min()) - 1)
    for _, metric in rates_of(result):
        assert metric["low"] <= metric["trivial"] <= metric["high"]
    area = metrics.auroc(labels, scores)
    assert area["low"] <= area["chance"] <= area["high"]


def test_rate_intervals_cover():
    rng = np.random.default_rng(11)
    recall, fpr, anomalies, normals = 0.93, 0.24, 300, 100
    truth = metrics.rates(tp=recall * anomalies, fp=fpr * normals, tn=(1 - fpr) * normals, fn=(1 - recall) * anomalies)
    runs, covered = 300, dict.fromkeys(metrics.RATES, 0)
    for _ in range(runs):
        tp, fp = rng.binomial(anomalies, recall), rng.binomial(normals, fpr)
        result = metrics.at_threshold(*decisions(tp, fp, normals - fp, anomalies - tp), 0.5)
        for key, metric in rates_of(result):
            covered[key] += metric["low"] <= truth[key] <= metric["high"]
    assert all(0.915 <= count / runs <= 0.985 for count in covered.values()), covered


# ---------------------------------------------------------------- AUROC


def test_auroc_agrees_with_scikit_learn(ranking):
    assert metrics.auroc(*ranking)["value"] == pytest.approx(sklearn.metrics.roc_auc_score(*ranking))


@pytest.mark.parametrize(
    ("scores", "value"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([5, 5, 5, 5], 0.5), ([1, 2, 2, 3], 0.875)]
)
def test_perfect_reversed_constant_and_tied_scores(scores, value):
    area = metrics.auroc([0, 0, 1, 1], scores)
    assert area["value"] == value
    assert 0 <= area["low"] <= value <= area["high"] <= 1
    assert area["high"] - area["low"] > 0.1  # four images never settle it


@pytest.mark.parametrize("change", [np.exp, lambda s: 3 * s - 7, np.cbrt])
def test_auroc_only_sees_the_order(ranking, change):
    labels, scores = ranking
    assert metrics.auroc(labels, change(scores)) == pytest.approx(metrics.auroc(labels, scores))


def test_reversing_scores_mirrors_auroc_and_its_interval(ranking):
    labels, scores = ranking
    there, back = metrics.auroc(labels, scores), metrics.auroc(labels, -scores)
    assert (back["value"], back["low"], back["high"]) == pytest.approx(
        (1 - there["value"], 1 - there["high"], 1 - there["low"])
    )


def test_delong_variance_from_its_definition(ranking):
    """The interval's half width on the logit scale, against the pairwise sums of the paper."""
    labels, scores = ranking
    a, b = scores[labels == 1], scores[labels == 0]
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    error = math.sqrt(wins.mean(1).var(ddof=1) / len(a) + wins.mean(0).var(ddof=1) / len(b))
    area = metrics.auroc(labels, scores)
    value = area["value"]
    half = (math.log(area["high"] / (1 - area["high"])) - math.log(area["low"] / (1 - area["low"]))) / 2
    assert half == pytest.approx(NormalDist().inv_cdf(0.975) * error / (value * (1 - value)))


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.5])
def test_auroc_interval_covers(distance):
    rng = np.random.default_rng(5)
    truth = NormalDist().cdf(distance / math.sqrt(2))
    labels = np.repeat([1, 0], [80, 40])
    runs = 400
    covered = 0
    for _ in range(runs):
        area = metrics.auroc(labels, rng.normal(distance * labels, 1.0))
        covered += area["low"] <= truth <= area["high"]
    assert 0.92 <= covered / runs <= 0.98


def test_auroc_difference(ranking):
    labels, scores = ranking
    noisy = scores + np.random.default_rng(1).normal(0, 2, len(scores))
    there, back = metrics.auroc_difference(labels, scores, noisy), metrics.auroc_difference(labels, noisy, scores)
    gap = metrics.auroc(labels, scores)["value"] - metrics.auroc(labels, noisy)["value"]
    assert there["value"] == pytest.approx(gap) and there["low"] < there["value"] < there["high"]
    assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]))
    same = metrics.auroc_difference(labels, scores, 2 * scores + 1)
    assert (same["value"], same["low"], same["high"]) == pytest.approx((0, 0, 0))


# ---------------------------------------------------------------- average precision, FPR at a TPR, curves


def test_aupr_agrees_with_scikit_learn_both_ways(ranking):
    labels, scores = ranking
    assert metrics.aupr(labels, scores)["value"] == pytest.approx(
        sklearn.metrics.average_precision_score(labels, scores)
    )
    assert metrics.aupr(labels, scores, positive="normal")["value"] == pytest.approx(
        sklearn.metrics.average_precision_score(1 - labels, -scores)
    )


def test_aupr_of_perfect_and_constant_scores():
    labels = np.repeat([1, 0], [90, 10])
    assert metrics.aupr(labels, labels) == {"value": 1.0, "low": 1.0, "high": 1.0, "chance": 0.9}
    constant = metrics.aupr(labels, np.zeros(100))
    assert constant["value"] == constant["chance"] == pytest.approx(0.9)


def test_bootstraps_repeat_and_hold_the_value(ranking):
    for measure in (metrics.aupr, metrics.fpr_at_tpr):
        first = measure(*ranking)
        assert first == measure(*ranking)
        assert first["low"] < first["value"] < first["high"]


def test_aupr_interval_covers():
    rng = np.random.default_rng(2)
    many = np.repeat([1, 0], [40_000, 40_000])
    labels = np.repeat([1, 0], [100, 100])
    truth = sklearn.metrics.average_precision_score(many, rng.normal(1.0 * many, 1.0))
    runs, covered = 60, 0
    for _ in range(runs):
        area = metrics.aupr(labels, rng.normal(1.0 * labels, 1.0))
        covered += area["low"] <= truth <= area["high"]
    assert covered / runs >= 0.88


def test_fpr_at_tpr_is_the_least_that_reaches_it(ranking):
    labels, scores = ranking
    for tpr in (0.5, 0.9, 0.95, 1.0):
        fprs, tprs, _ = metrics.roc_curve(labels, scores)
        assert metrics.fpr_at_tpr(labels, scores, tpr)["value"] == pytest.approx(fprs[tprs >= tpr - 1e-9].min())
    assert metrics.fpr_at_tpr([0, 0, 1, 1], [0, 1, 2, 3])["value"] == 0
    assert metrics.fpr_at_tpr([0, 0, 1, 1], [3, 2, 1, 0])["value"] == 1


def test_every_point_of_the_roc_curve_is_a_decision(ranking):
    labels, scores = ranking
    fprs, tprs, thresholds = metrics.roc_curve(labels, scores)
    assert (fprs[0], tprs[0], fprs[-1], tprs[-1]) == (0, 0, 1, 1)
    for fpr, tpr, threshold in zip(fprs, tprs, thresholds, strict=True):
        flagged = scores > threshold
        assert (flagged[labels == 0].mean(), flagged[labels == 1].mean()) == pytest.approx((fpr, tpr))
    assert np.trapezoid(tprs, fprs) == pytest.approx(metrics.auroc(labels, scores)["value"])


def test_every_point_of_the_pr_curve_is_a_decision(ranking):
    labels, scores = ranking
    recalls, precisions, thresholds = metrics.pr_curve(labels, scores)
    assert recalls[-1] == 1 and precisions[-1] == pytest.approx(labels.mean())
    for recall, precision, threshold in zip(recalls, precisions, thresholds, strict=True):
        result = metrics.at_threshold(labels, scores, threshold)
        assert (result["recall"]["value"], result["precision"]["value"]) == pytest.approx((recall, precision))
    steps = np.diff(recalls, prepend=0) @ precisions
    assert steps == pytest.approx(metrics.aupr(labels, scores)["value"])


def test_error_rates_agree_with_decisions(ranking):
    labels, scores = ranking
    thresholds = np.array([2.0, -1.0, 0.5, 0.5, 30])
    misses, alarms = metrics.error_rates(labels, scores, thresholds)
    for miss, alarm, result in zip(misses, alarms, metrics.sweep(labels, scores, thresholds), strict=True):
        assert miss == pytest.approx(1 - result["recall"]["value"])
        assert alarm == pytest.approx(result["fp"] / 50)


@pytest.mark.parametrize("ratio", [0.01, 1.0, 50.0])
def test_the_cheaper_of_all_and_nothing_costs_one(ratio):
    everything, nothing = metrics.relative_cost([0.0, 1.0], [1.0, 0.0], prevalence=0.9, ratio=ratio)
    assert min(everything, nothing) == pytest.approx(1) and max(everything, nothing) >= 1
    assert metrics.relative_cost(0.0, 0.0, 0.9, ratio) == 0


# ---------------------------------------------------------------- groups of values


def test_shift():
    same = metrics.shift([1, 2, 3], [1, 2, 3])
    assert same["value"] == 0.5 and same["difference"] == 0
    above = metrics.shift([5, 6, 7], [1, 2])
    assert above["value"] == 1 and above["low"] < 1 and above["difference"] == 4.5
    assert metrics.shift([1], [2])["value"] == 0


def test_lowest_and_highest_break_ties_by_index():
    scores = [2.0, 1.0, 3.0, 1.0, 3.0]
    assert metrics.lowest(scores, 3).tolist() == [1, 3, 0]
    assert metrics.highest(scores, 3).tolist() == [2, 4, 0]
    assert metrics.lowest([], 3).tolist() == [] and metrics.highest(scores, 9).tolist() == [2, 4, 0, 1, 3]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1, math.nan], "scores: 1 of 2 are NaN or infinite, the first at index 1"),
        ([0, 1], [0.1, math.inf], "NaN or infinite"),
        ([0, 1, 1], [0.1, 0.2], "one label per score"),
        ([], [], "nothing to judge"),
        ([0, 2], [0.1, 0.2], "other than 0"),
        ([[0, 1]], [[0.1, 0.2]], "plain list"),
    ],
)
@pytest.mark.parametrize("measure", [metrics.auroc, metrics.aupr, metrics.roc_curve, metrics.fpr_at_tpr])
def test_bad_input_is_refused_in_one_line(measure, labels, scores, message):
    with pytest.raises(ValueError, match=message) as caught:
        measure(labels, scores)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0]])
@pytest.mark.parametrize(
    "measure", [metrics.auroc, metrics.aupr, metrics.roc_curve, metrics.pr_curve, metrics.fpr_at_tpr]
)
def test_a_single_class_is_refused_where_two_are_needed(measure, labels):
    with pytest.raises(ValueError, match="needs"):
        measure(labels, [1, 2, 3])


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.fpr_at_tpr([0, 1], [0, 1], tpr=0),
        lambda: metrics.aupr([0, 1], [0, 1], positive="airplanes"),
        lambda: metrics.auroc_difference([0, 1], [0, 1], [0, 1]),
        lambda: metrics.relative_cost(0.1, 0.1, prevalence=1.0, ratio=1),
        lambda: metrics.relative_cost(0.1, 0.1, prevalence=0.5, ratio=0),
        lambda: metrics.shift([], [1.0]),
        lambda: metrics.shift([math.nan], [1.0]),
        lambda: metrics.highest([1.0, math.nan], 1),
    ],
)
def test_impossible_requests_are_refused(call):
    with pytest.raises(ValueError):
        call()
