"""Metrics agree with scikit-learn, definitions and published values, and their intervals cover."""

import json
import math
import time
from statistics import NormalDist

import numpy as np
import pytest
import sklearn.metrics

from lib.evaluation import metrics
from lib.evaluation.metrics import intervals
from lib.evaluation.metrics import ranking as ranking_metrics

PUBLISHED = {"tp": 7822, "fp": 193, "tn": 607, "fn": 522}
AUPR_BOUNDS, FPR_BOUNDS = (0.8869780732053163, 0.9488608724802169), (0.46, 0.9004999999999995)


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


def rates_of(result):
    return [(key, result[key]) for key in metrics.RATES]


def test_published_counts_give_the_published_rates_and_trivial_values():
    result = metrics.at_threshold(*decisions(**PUBLISHED), 0.5)
    assert {key: result[key] for key in PUBLISHED} == PUBLISHED
    published = {"accuracy": 0.9218, "precision": 0.9759, "recall": 0.9374, "f1": 0.9563}
    assert {key: round(result[key]["value"], 4) for key in published} == published
    trivial = {key: metric["trivial"] for key, metric in rates_of(result)}
    assert round(trivial["accuracy"], 4) == round(trivial["precision"], 4) == 0.9125
    assert round(trivial["f1"], 4) == 0.9543
    assert (trivial["recall"], trivial["balanced_accuracy"], trivial["mcc"]) == (1.0, 0.5, 0.0)


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
    fpr = result["fpr"]
    assert fpr["value"] == pytest.approx(flagged[labels == 0].mean())
    assert (fpr["trivial"], fpr["better"]) == (1.0, "lower")
    for metric in (fpr, *dict(rates_of(result)).values()):
        assert metric["low"] <= metric["value"] <= metric["high"]


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"tp": 0, "fp": 3, "tn": 7, "fn": 0}, {"balanced_accuracy", "recall", "mcc"}),
        ({"tp": 0, "fp": 0, "tn": 7, "fn": 0}, {"balanced_accuracy", "recall", "f1", "mcc"}),
        ({"tp": 3, "fp": 0, "tn": 0, "fn": 7}, {"balanced_accuracy", "mcc", "fpr"}),
    ],
)
def test_metrics_without_a_meaning_are_none(counts, missing):
    result = metrics.at_threshold(*decisions(**counts), 0.5)
    assert {key for key in (*metrics.RATES, "fpr") if result[key]["value"] is None} == missing
    assert all(result[key]["low"] is None for key in missing)


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


def test_chance_is_the_mean_over_random_decisions(ranking):
    """F1 is not linear in the counts, so it agrees only nearly."""
    labels, _ = ranking
    rng = np.random.default_rng(8)
    drawn = [metrics.at_threshold(labels, rng.permutation(200), 79.5) for _ in range(400)]
    counts = {key: drawn[0][key] for key in metrics.COUNTS}
    chance = metrics.at_random(**counts)
    assert (chance["balanced_accuracy"], chance["mcc"], chance["precision"]) == pytest.approx((0.5, 0.0, 0.75))
    assert chance["recall"] == chance["fpr"] == pytest.approx(0.6)
    for key in (*metrics.RATES, "fpr"):
        assert chance[key] == pytest.approx(np.mean([result[key]["value"] for result in drawn]), abs=0.01)


def clopper_pearson_coverage(n, p, level=0.95):
    """Probability that the Clopper-Pearson interval of a binomial count holds p, summed over all counts."""
    k = np.arange(n + 1)
    low, high = metrics.clopper_pearson(k, n, level)
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k]
    chances = np.exp(np.array(logs) + k * math.log(p) + (n - k) * math.log1p(-p))
    return float(chances[(low <= p) & (p <= high)].sum())


@pytest.mark.parametrize("n", [1, 5, 20, 80, 160])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clopper_pearson_covers_at_least_at_its_level(n, level):
    for p in (0.001, 0.01, 0.05, 0.1, 0.2371, 0.5, 0.9, 0.99):
        assert clopper_pearson_coverage(n, p, level) >= level - 1e-9


def test_clopper_pearson_agrees_with_its_closed_form_and_broadcasts():
    low, high = metrics.clopper_pearson(0, 10)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 10))  # closed form at 0 of n
    assert metrics.clopper_pearson(10, 10) == pytest.approx((1 - high, 1))
    lows, highs = metrics.clopper_pearson([0, 3, 10], 10)
    assert lows.tolist()[0] == 0 and (highs.tolist()[0], highs.tolist()[2]) == pytest.approx((high, 1))
    assert metrics.clopper_pearson(3, 10) == pytest.approx((lows[1], highs[1]))
    wide, narrow = metrics.clopper_pearson(30, 100, 0.99), metrics.clopper_pearson(30, 100, 0.8)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1]


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


@pytest.mark.parametrize(
    ("scores", "value"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([5, 5, 5, 5], 0.5), ([1, 2, 2, 3], 0.875)]
)
def test_perfect_reversed_constant_and_tied_scores(scores, value):
    area = metrics.auroc([0, 0, 1, 1], scores)
    assert area["value"] == value
    assert 0 <= area["low"] <= value <= area["high"] <= 1
    assert area["high"] - area["low"] > 0.1  # four images


def test_auroc_depends_on_the_order_alone_and_is_mirrored_by_reversal(ranking):
    labels, scores = ranking
    area, reverse = metrics.auroc(labels, scores), metrics.auroc(labels, -scores)
    assert area["value"] == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores))
    for change in (np.exp, lambda s: 3 * s - 7, np.cbrt):
        assert metrics.auroc(labels, change(scores)) == pytest.approx(area)
    mirrored = [1 - area[key] for key in ("value", "high", "low")]
    assert [reverse[key] for key in ("value", "low", "high")] == pytest.approx(mirrored)


def test_delong_variance_agrees_with_the_pairwise_sums_of_the_paper(ranking):
    """The half width of the interval on the logit scale."""
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


def test_auroc_difference_is_antisymmetric_and_zero_for_equal_rankings(ranking):
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
    # The bounds are those of the first version, which resampled in a loop.
    for measure, bounds in ((metrics.aupr, AUPR_BOUNDS), (metrics.fpr_at_tpr, FPR_BOUNDS)):
        first = measure(*ranking)
        assert (first["low"], first["high"]) == pytest.approx(bounds, abs=1e-12)
        assert first == measure(*ranking)
        assert first["low"] < first["value"] < first["high"]


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("kept", [True, False])
def test_resamples_are_those_of_a_plain_loop(ranking, monkeypatch, decimals, kept):
    labels, scores = ranking
    scores = np.round(scores + np.linspace(0, 0.01, 200), decimals)
    if not kept:  # in blocks of a few resamples
        monkeypatch.setattr(intervals, "_KEPT", 0)
        monkeypatch.setattr(intervals, "_BLOCK", 700)
    order = np.argsort(-scores, kind="stable")
    rng, drawn = np.random.default_rng(555), []
    for _ in range(1000):
        rows = [kind[rng.integers(kind.size, size=kind.size)] for kind in (order[labels[order] == k] for k in (1, 0))]
        rows = np.concatenate(rows)
        drawn.append(sklearn.metrics.average_precision_score(labels[rows], scores[rows]))
    found = intervals._resample(labels.astype(bool), scores, ranking_metrics._average_precision)
    assert found == pytest.approx(drawn, abs=1e-12)


@pytest.mark.parametrize(("anomalies", "normals", "distance"), [(100, 100, 1.0), (60, 240, 1.5)])
def test_aupr_interval_covers(anomalies, normals, distance):
    """0.90 is two and a half standard errors of 120 runs below the level; chance scores are tested below."""
    rng = np.random.default_rng(2)
    many, labels = np.repeat([1, 0], [anomalies * 400, normals * 400]), np.repeat([1, 0], [anomalies, normals])
    truth = sklearn.metrics.average_precision_score(many, rng.normal(distance * many, 1.0))
    runs, covered = 120, 0
    for _ in range(runs):
        area = metrics.aupr(labels, rng.normal(distance * labels, 1.0))
        covered += area["low"] <= truth <= area["high"]
    assert covered / runs >= 0.90


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
    for miss, alarm, threshold in zip(misses, alarms, thresholds, strict=True):
        result = metrics.at_threshold(labels, scores, threshold)
        assert miss == pytest.approx(1 - result["recall"]["value"])
        assert alarm == pytest.approx(result["fp"] / 50)


@pytest.mark.parametrize("ratio", [0.01, 1.0, 50.0])
def test_the_cheaper_trivial_decision_has_a_relative_cost_of_one(ratio):
    everything, nothing = metrics.relative_cost([0.0, 1.0], [1.0, 0.0], prevalence=0.9, ratio=ratio)
    assert min(everything, nothing) == pytest.approx(1) and max(everything, nothing) >= 1
    assert metrics.relative_cost(0.0, 0.0, 0.9, ratio) == 0


def test_ranking_metrics_are_the_four_that_need_no_threshold(ranking):
    assert metrics.ranking_metrics(*ranking) == {
        "auroc": metrics.auroc(*ranking),
        "aupr": metrics.aupr(*ranking),
        "aupr_normal": metrics.aupr(*ranking, positive="normal"),
        "fpr_at_95_tpr": metrics.fpr_at_tpr(*ranking),
    }


# ---------------------------------------------------------------- against trivial decisions

TWO_SIDED = ("accuracy", "balanced_accuracy", "f1", "mcc", "precision")


def verdicts(labels, scores, threshold):
    result = metrics.ranking_metrics(labels, scores) | metrics.at_threshold(labels, scores, threshold)
    return {key: metrics.better_than_trivial(result[key]) for key in result if key not in metrics.COUNTS}


@pytest.mark.parametrize("anomalies", [450, 250, 50])
@pytest.mark.parametrize("value", [0.0, 0.02, -1.0])
def test_a_constant_scorer_is_never_better(anomalies, value):
    labels, scores = np.repeat([1, 0], [anomalies, 500 - anomalies]), np.full(500, value)
    flags_all, flags_none = verdicts(labels, scores, value - 1), verdicts(labels, scores, value)
    for words in (flags_all, flags_none):
        assert {key for key, word in words.items() if word == "better"} <= {"fpr"}
        assert {words[key] for key in ("auroc", "aupr", "aupr_normal")} == {"no better"}
    # The decision that suits this prevalence is the trivial value itself.
    suits = flags_all if anomalies >= 250 else flags_none
    assert suits["accuracy"] == "no better" and flags_all["f1"] == "no better"
    assert flags_all["balanced_accuracy"] == flags_none["mcc"] == "no better"


@pytest.mark.parametrize("anomalies", [450, 250, 50])
@pytest.mark.parametrize("seed", range(4))
def test_a_random_scorer_is_never_better(anomalies, seed):
    labels = np.repeat([1, 0], [anomalies, 500 - anomalies])
    scores = np.random.default_rng(seed).normal(size=500)
    for threshold in (-9.0, -1.5, 0.0, 1.5, 9.0):
        words = verdicts(labels, scores, threshold)
        assert "better" not in {words[key] for key in (*TWO_SIDED, "auroc", "aupr", "aupr_normal")}
    assert verdicts(labels, scores, -9.0)["accuracy"] == ("no better" if anomalies >= 250 else "worse")
    assert verdicts(labels, scores, -9.0)["f1"] == "no better"


def test_random_scorers_are_better_or_worse_no_more_often_than_the_interval_errs():
    """A 95 % interval errs in 2.5 % of cases on either side; the limit adds four standard errors."""
    rng = np.random.default_rng(12)
    labels, runs = np.repeat([1, 0], [120, 80]), 200
    keys = ("auroc", "aupr", "balanced_accuracy", "mcc", "precision")
    words = {key: {"better": 0, "no better": 0, "worse": 0} for key in keys}
    for _ in range(runs):
        scores = rng.normal(size=200)
        result = metrics.at_threshold(labels, scores, 0.3)
        result |= {"auroc": metrics.auroc(labels, scores), "aupr": metrics.aupr(labels, scores)}
        for key in keys:
            words[key][metrics.better_than_trivial(result[key])] += 1
    limit = runs * 0.025 + 4 * math.sqrt(runs * 0.025 * 0.975)
    assert all(count[side] <= limit for count in words.values() for side in ("better", "worse")), words


def test_perfect_scores_are_better_and_reversed_scores_worse():
    labels = np.repeat([1, 0], [60, 40])
    perfect, backwards = verdicts(labels, labels, 0.5), verdicts(labels, -labels - np.arange(100) / 1e3, -0.5)
    assert {perfect[key] for key in perfect if key != "recall"} == {"better"}
    assert {backwards[key] for key in ("auroc", "aupr", "aupr_normal", *TWO_SIDED)} == {"worse"}
    assert (perfect["recall"], backwards["recall"], backwards["fpr"]) == ("no better", "worse", "no better")


def test_the_published_vae_is_no_better_than_flagging_everything():
    result = metrics.at_threshold(*decisions(tp=8342, fp=795, tn=5, fn=2), 0.5)
    assert (round(result["accuracy"]["value"], 4), round(result["f1"]["value"], 4)) == (0.9128, 0.9544)
    assert metrics.better_than_trivial(result["accuracy"]) == metrics.better_than_trivial(result["f1"]) == "no better"


def test_the_interval_decides_the_verdict():
    interval = {"value": 0.6, "low": 0.55, "high": 0.65}
    for trivial, word in ((0.5, "better"), (0.55, "no better"), (0.6, "no better"), (0.7, "worse")):
        assert metrics.better_than_trivial(interval | {"trivial": trivial}) == word
        assert metrics.better_than_trivial(interval | {"chance": trivial}) == word
    lower = interval | {"trivial": 1.0, "better": "lower"}
    assert metrics.better_than_trivial(lower) == "better"
    assert metrics.better_than_trivial({"value": 0.6, "trivial": 0.5}) == "better"  # without an interval
    assert metrics.better_than_trivial({"value": None, "low": None, "high": None}) == "no better"
    with pytest.raises(ValueError, match="compare"):
        metrics.better_than_trivial(interval)


def test_the_best_trivial_value_depends_on_the_prevalence():
    rare = metrics.at_threshold(np.repeat([1, 0], [10, 90]), np.arange(100), 50)
    assert metrics.best_trivial(rare["accuracy"]) == (0.9, "flagging nothing")
    assert metrics.best_trivial(rare["f1"]) == (pytest.approx(0.2 / 1.1), "flagging everything")
    assert metrics.best_trivial(rare["mcc"]) == (0.0, "flagging everything")
    assert metrics.best_trivial({"value": 0.7, "chance": 0.5}) == (0.5, "chance")


# ---------------------------------------------------------------- in use


def test_operations_add_up_to_the_number_of_images():
    frame = metrics.operations([0.0, 0.1, 1.0], [1.0, 0.2, 0.0], prevalence=0.1, thresholds=[0.01, 0.02, 0.03])
    assert frame["threshold"].tolist() == [0.01, 0.02, 0.03]
    np.testing.assert_allclose(frame["caught"] + frame["missed"], 100)
    np.testing.assert_allclose(frame["caught"] + frame["false_alarms"], frame["reviewed"])
    assert frame.loc[0, "reviewed"] == pytest.approx(1000) and frame.loc[0, "false_alarm_share"] == pytest.approx(0.9)
    assert frame.loc[1, ["missed", "false_alarms"]].tolist() == pytest.approx([10, 180])
    assert frame.loc[2, "reviewed"] == 0 and math.isnan(frame.loc[2, "false_alarm_share"])


def test_operations_at_the_tests_own_prevalence_are_its_counts(ranking):
    labels, scores = ranking
    result = metrics.at_threshold(labels, scores, 0.5)
    frame = metrics.operations(*metrics.error_rates(labels, scores, [0.5]), labels.mean(), per=len(labels))
    assert frame.loc[0, ["caught", "missed", "false_alarms"]].tolist() == pytest.approx(
        [result[key] for key in ("tp", "fn", "fp")]
    )
    assert 1 - frame.loc[0, "false_alarm_share"] == pytest.approx(result["precision"]["value"])


# ---------------------------------------------------------------- groups of values


@pytest.fixture
def classed(ranking):
    labels, scores = ranking
    names = np.array(["b", "a", "c"])[np.random.default_rng(3).integers(0, 3, labels.size)]
    return labels, scores, np.where(labels == 1, names, "normal")


def test_each_class_is_evaluated_against_all_normal_images(classed):
    labels, scores, classes = classed
    frame = metrics.by_class(labels, scores, classes, 0.5)
    assert sorted(frame["class"]) == ["a", "b", "c"]
    for row in frame.to_dict("records"):
        part = (classes == row["class"]) | (labels == 0)
        result, area = metrics.at_threshold(labels[part], scores[part], 0.5), metrics.auroc(labels[part], scores[part])
        assert (row["n"], row["caught"]) == (result["tp"] + result["fn"], result["tp"])
        measured = [row[f"recall{bound}"] for bound in ("", "_low", "_high")]
        assert measured == pytest.approx([result["recall"][bound] for bound in ("value", "low", "high")])
        measured = [row[f"auroc{bound}"] for bound in ("", "_low", "_high")]
        assert measured == pytest.approx([area[bound] for bound in ("value", "low", "high")])
        assert row["mean_score"] == pytest.approx(scores[classes == row["class"]].mean())


def test_classes_add_up_to_the_whole(classed):
    labels, scores, classes = classed
    frame = metrics.by_class(labels, scores, classes, 0.5)
    assert frame["caught"].sum() == metrics.at_threshold(labels, scores, 0.5)["tp"]
    assert frame["n"] @ frame["auroc"] / frame["n"].sum() == pytest.approx(metrics.auroc(labels, scores)["value"])


def test_the_hardest_class_comes_first():
    labels = np.repeat([1, 0], [8, 4])
    scores = [1, 1, 9, 9, 3, 4, 9, 9, 1, 2, 3, 4]
    classes = [*"bb", *"cc", *"aa", *"dd", *"nnnn"]
    frame = metrics.by_class(labels, scores, classes, 5)
    assert frame["class"].tolist() == ["b", "a", "c", "d"]  # recall 0, 0, 1, 1; then AUROC, then name
    alone = metrics.by_class(labels[:8], scores[:8], classes[:8], 5)
    assert alone["auroc"].isna().all() and alone["recall"].tolist() == [0, 0, 1, 1]
    assert metrics.by_class([0, 0], [1, 2], ["n", "n"], 1).empty


def test_a_hundred_classes_take_less_than_three_seconds():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [8344, 800])
    classes = np.array([f"class {number}" for number in rng.integers(0, 101, labels.size)])
    start = time.monotonic()
    frame = metrics.by_class(labels, rng.normal(labels, 1.0), classes, 0.5)
    assert len(frame) == 101 and time.monotonic() - start < 3


def test_shift_of_equal_separate_and_single_values():
    same = metrics.shift([1, 2, 3], [1, 2, 3])
    assert same["value"] == 0.5 and same["difference"] == 0
    above = metrics.shift([5, 6, 7], [1, 2])
    assert above["value"] == 1 and above["low"] < 1 and above["difference"] == 4.5
    assert metrics.shift([1], [2])["value"] == 0


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1, math.nan], "scores: 1 of 2 are NaN or infinite, the first at index 1"),
        ([0, 1], [0.1, math.inf], "NaN or infinite"),
        ([0, 1, 1], [0.1, 0.2], "one label per score"),
        ([], [], "nothing to evaluate"),
        ([0, 2], [0.1, 0.2], "other than 0"),
        ([[0, 1]], [[0.1, 0.2]], "one-dimensional"),
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
        lambda: metrics.aupr([0, 1], [0, 1], positive="normals"),
        lambda: metrics.auroc_difference([0, 1], [0, 1], [0, 1]),
        lambda: metrics.relative_cost(0.1, 0.1, prevalence=1.0, ratio=1),
        lambda: metrics.relative_cost(0.1, 0.1, prevalence=0.5, ratio=0),
        lambda: metrics.shift([], [1.0]),
        lambda: metrics.shift([math.nan], [1.0]),
        lambda: metrics.clopper_pearson(3, 2),
        lambda: metrics.clopper_pearson(0, 0),
        lambda: metrics.clopper_pearson(1, 2, level=1),
        lambda: metrics.by_class([0, 1], [0, 1], ["a"], 0.5),
        lambda: metrics.by_class([0, 1], [0, math.nan], ["a", "b"], 0.5),
        lambda: metrics.operations([0.1], [0.1], prevalence=0),
        lambda: metrics.operations([0.1], [0.1, 0.2], prevalence=0.1),
        lambda: metrics.operations([0.1], [1.1], prevalence=0.1),
        lambda: metrics.operations([0.1], [0.1], prevalence=0.1, per=0),
        lambda: metrics.operations([0.1], [0.1], prevalence=0.1, thresholds=[1, 2]),
        lambda: metrics.best_trivial({"value": 1.0}),
    ],
)
def test_impossible_requests_are_refused(call):
    with pytest.raises(ValueError):
        call()


# Precision in use, and the cheapest threshold


def rate(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_precision_in_use_is_bayes_rule_with_bounds_that_are_worst_and_best_together():
    found = metrics.precision_in_use(rate(0.9, 0.8, 0.95), rate(0.1, 0.05, 0.2), 0.1)
    assert found["value"] == pytest.approx(0.09 / (0.09 + 0.09))
    assert found["low"] == pytest.approx(0.08 / (0.08 + 0.18)) and found["high"] == pytest.approx(
        0.095 / (0.095 + 0.045)
    )


def test_precision_in_use_with_no_false_alarm_is_not_certain():
    found = metrics.precision_in_use(rate(1.0, 0.9, 1.0), rate(0.0, 0.0, 0.1), 0.1)
    assert (found["value"], found["high"]) == (1.0, 1.0) and found["low"] == pytest.approx(0.5)
    assert metrics.precision_in_use(rate(0.0, 0.0, 0.1), rate(0.0, 0.0, 0.1), 0.1)["value"] is None
    assert metrics.precision_in_use(rate(None, None, None), rate(0.0, 0.0, 0.1), 0.1)["value"] is None


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_no_threshold_is_cheaper_than_the_cheapest(ratio):
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [80, 120])
    scores = rng.normal(labels)
    at, cost = metrics.cheapest(labels, scores, 0.2, ratio)
    every = np.r_[scores.min() - 1, scores, scores.max() + 1]
    costs = metrics.relative_cost(*metrics.error_rates(labels, scores, every), 0.2, ratio)
    assert cost == pytest.approx(costs.min()) and cost <= 1.0
    assert metrics.relative_cost(*metrics.error_rates(labels, scores, [at]), 0.2, ratio) == pytest.approx(cost)
