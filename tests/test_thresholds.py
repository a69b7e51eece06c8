"""Decisions at a threshold, and the value, the images used and the errors of each rule."""

import math
from itertools import pairwise

import numpy as np
import pytest

from lib.core.errors import UserError
from lib.evaluation import metrics, thresholds

COSTS = {"cost_miss": 5.0, "cost_false_alarm": 1.0, "prevalence": 0.1}
LABELLED = {
    "max_f1": thresholds.max_f1,
    "youden": thresholds.youden,
    "min_cost": lambda labels, scores: thresholds.min_cost(labels, scores, **COSTS),
}


@pytest.fixture(params=LABELLED)
def rule(request):
    return LABELLED[request.param]


@pytest.fixture
def ranking():
    """Labels and overlapping scores with many ties; 60 anomalies, 40 normal images."""
    rng = np.random.default_rng(4)
    labels = np.repeat([1, 0], [60, 40])
    return labels, np.round(rng.normal(1.2 * labels, 1.0), 1)


# ---------------------------------------------------------------- decisions


def test_only_scores_strictly_above_are_flagged():
    assert thresholds.decide([0.01, 0.02, 0.03], 0.02).tolist() == [False, False, True]
    assert thresholds.decide([], 0.02).tolist() == []


def test_a_higher_threshold_never_flags_more():
    scores = np.random.default_rng(0).normal(size=200)
    flagged = [thresholds.decide(scores, threshold) for threshold in np.linspace(-3, 3, 20)]
    assert all((low | ~high).all() for low, high in pairwise(flagged))


@pytest.mark.parametrize(("scores", "threshold"), [([0.1, math.nan], 0.02), ([0.1], math.nan)])
def test_nan_is_refused(scores, threshold):
    with pytest.raises(ValueError, match="NaN"):
        thresholds.decide(scores, threshold)


def test_fixed_returns_the_given_value():
    assert thresholds.fixed(0.02) == 0.02


@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_impossible_fixed_thresholds_are_refused(value):
    with pytest.raises(ValueError, match="threshold"):
        thresholds.fixed(value)


# ---------------------------------------------------------------- target_fpr


@pytest.mark.parametrize(
    ("n", "alpha", "rank"), [(19, 0.05, 19), (20, 0.05, 20), (79, 0.05, 76), (80, 0.05, 77), (99, 0.1, 90), (1, 0.5, 1)]
)
def test_target_fpr_is_the_score_of_the_conformal_rank(n, alpha, rank):
    """79 images at 0.05: 80 × 0.95 is 76, not 77 by binary fractions."""
    scores = np.random.default_rng(n).permutation(n) + 1.0
    assert thresholds.target_fpr(scores, alpha) == rank


@pytest.mark.parametrize(("alpha", "needed"), [(0.05, 19), (0.01, 99), (0.001, 999), (0.03, 33), (0.5, 1)])
def test_target_fpr_says_how_many_images_it_needs(alpha, needed):
    assert math.isfinite(thresholds.target_fpr(np.arange(needed), alpha))
    with pytest.raises(UserError, match=f"at least {needed} calibration images and there are {needed - 1}") as caught:
        thresholds.target_fpr(np.arange(needed - 1), alpha)
    assert "\n" not in str(caught.value)


def realised(n, alpha, m, draw, splits=1000):
    """FPRs on m normal test images of thresholds from n calibration images, over random splits of new scores."""
    rng = np.random.default_rng(555)
    rates = []
    for _ in range(splits):
        scores = rng.permutation(draw(rng, n + m))
        threshold = thresholds.target_fpr(scores[:n], alpha)
        rates.append(thresholds.decide(scores[n:], threshold).mean())
    return np.array(rates)


def scatter(n, alpha, m):
    """Mean and standard deviation of the FPR on m normal test images, which is beta-binomial."""
    k = math.ceil((n + 1) * (1 - alpha) - 1e-9)
    b = n + 1 - k
    mean = b / (n + 1)
    return mean, math.sqrt(mean * (1 - mean) * (n + 1 + m) / (m * (n + 2)))


@pytest.mark.parametrize(("n", "alpha", "m"), [(79, 0.05, 160), (80, 0.05, 160), (19, 0.05, 50), (30, 0.1, 60)])
def test_the_mean_fpr_over_splits_is_at_most_alpha(n, alpha, m):
    """Four standard errors of a mean over 1,000 splits: exceeded by chance less than once in 30,000 times."""
    mean, deviation = scatter(n, alpha, m)
    error = 4 * deviation / math.sqrt(1000)
    rates = realised(n, alpha, m, lambda rng, size: rng.lognormal(-4, 0.5, size))
    assert mean <= alpha + 1e-12
    assert abs(rates.mean() - mean) <= error
    assert rates.std() == pytest.approx(deviation, rel=0.1)


def test_ties_only_lower_the_mean_fpr():
    mean, deviation = scatter(79, 0.05, 160)
    rates = realised(79, 0.05, 160, lambda rng, size: np.round(rng.normal(size=size), 1))
    assert rates.mean() <= mean + 4 * deviation / math.sqrt(1000)
    assert not realised(79, 0.05, 160, lambda rng, size: np.ones(size), splits=3).any()


def test_the_mean_fpr_over_splits_of_one_finite_set_is_at_most_alpha():
    """Exchangeability is enough: the bound also holds for random splits of one set of 240 images."""
    held_out = np.random.default_rng(1).lognormal(-4, 0.5, 240)
    mean, deviation = scatter(80, 0.05, 160)
    rates = realised(80, 0.05, 160, lambda rng, size: held_out)
    assert rates.mean() <= 0.05 + 4 * deviation / math.sqrt(1000)
    assert rates.mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(1000))


def test_realised_fpr_gives_the_mean_and_the_range_over_splits():
    mean, low, high = thresholds.realised_fpr(80, 0.05)
    assert mean == pytest.approx(4 / 81) and low < mean < high
    rates = realised(80, 0.05, 4000, lambda rng, size: rng.random(size))
    assert ((rates >= low) & (rates <= high)).mean() == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 1000))
    with pytest.raises(ValueError, match="do not support"):
        thresholds.realised_fpr(18, 0.05)


# ---------------------------------------------------------------- rules that learn from labels


def every_decision(scores):
    """A threshold for each decision on these scores, from flagging everything to flagging nothing."""
    levels = np.unique(scores)
    return [levels[0] - 1, *levels]


def measured(labels, scores, threshold):
    """The criterion of each rule at one threshold; higher is better."""
    result = metrics.at_threshold(labels, scores, threshold)
    miss, alarm = 1 - result["recall"]["value"], result["fpr"]["value"]
    cost = COSTS["cost_miss"] * COSTS["prevalence"] * miss
    cost += COSTS["cost_false_alarm"] * (1 - COSTS["prevalence"]) * alarm
    return {"max_f1": result["f1"]["value"], "youden": 1 - miss - alarm, "min_cost": -cost}


@pytest.mark.parametrize("name", LABELLED)
def test_no_decision_is_better_by_the_criterion_of_the_rule(ranking, name):
    labels, scores = ranking
    threshold = LABELLED[name](labels, scores)
    best = max(measured(labels, scores, other)[name] for other in every_decision(scores))
    assert measured(labels, scores, threshold)[name] == pytest.approx(best, abs=1e-12)


def test_thresholds_lie_between_scores_and_are_finite(rule, ranking):
    labels, scores = ranking
    threshold = rule(labels, scores)
    assert math.isfinite(threshold) and threshold not in scores


@pytest.mark.parametrize(("labels", "scores"), [([0, 0, 1, 1], [1, 2, 4, 5]), ([1, 0, 1, 0], [4, 2, 4, 2])])
def test_perfect_scores_have_a_threshold_midway(rule, labels, scores):
    assert rule(labels, scores) == 3


def test_thresholds_do_not_depend_on_order_and_scale_with_the_scores(rule, ranking):
    labels, scores = ranking
    order = np.random.default_rng(0).permutation(labels.size)
    assert rule(labels[order], scores[order]) == rule(labels, scores)
    assert rule(labels, 4 * scores) == pytest.approx(4 * rule(labels, scores))


@pytest.mark.parametrize("value", [0.0, 0.02, -3.0, 1e300, 1.7e308, -1.7e308, 5e-324])
def test_of_constant_scores_f1_flags_all_and_youden_none(value):
    """J is 0 for both decisions, and of equal thresholds the highest is used; min_cost depends on the costs."""
    labels, scores = [0, 1, 1], [value] * 3
    assert not math.isinf(thresholds.max_f1(labels, scores)) and thresholds.max_f1(labels, scores) < value
    for threshold in (thresholds.youden(labels, scores), thresholds.min_cost(labels, scores, **COSTS)):
        assert value <= threshold < math.inf
    assert thresholds.min_cost(labels, scores, 100, 1, 0.1) < value


def test_of_reversed_scores_f1_flags_all_and_youden_none():
    labels, scores = [1, 1, 0, 0], [1.0, 2.0, 3.0, 4.0]
    assert thresholds.max_f1(labels, scores) == 0.5
    assert thresholds.youden(labels, scores) == 4.5


def test_positive_scores_have_positive_thresholds(rule):
    rng = np.random.default_rng(2)
    for _ in range(20):
        labels, scores = np.repeat([0, 1], [3, 30]), rng.lognormal(-4, 0.5, 33)
        assert rule(labels, scores) > 0


def test_of_equally_good_thresholds_the_highest_is_used():
    assert thresholds.youden([0, 1, 0, 1], [1, 2, 3, 4]) == 3.5  # J is one half at 1.5 as well
    assert thresholds.min_cost([0, 1, 0, 1], [1, 2, 3, 4], 1, 1, 0.5) == 3.5


def test_scores_that_are_neighbouring_floats_are_separated(rule):
    low, high = 0.02, math.nextafter(0.02, 1)
    threshold = rule([0, 1], [low, high])
    assert thresholds.decide([low, high], threshold).tolist() == [False, True]


def test_min_cost_depends_on_the_product_of_cost_and_prevalence(ranking):
    labels, scores = ranking
    assert thresholds.min_cost(labels, scores, 9, 1, 0.1) == thresholds.min_cost(labels, scores, 1, 1, 0.5)
    assert thresholds.min_cost(labels, scores, 1, 1, 0.5) == thresholds.youden(labels, scores)
    high, low = (thresholds.min_cost(labels, scores, cost, 1, 0.1) for cost in (50, 2))
    assert high <= low


# ---------------------------------------------------------------- one rule by name


def test_choose_agrees_with_the_rules_and_names_the_images_used(ranking):
    normals = ranking[1][ranking[0] == 0]
    known = {"threshold": 0.02, "alpha": 0.05, "calibration": normals, "validation": ranking} | COSTS
    results = {rule: thresholds.choose(rule, **known) for rule in thresholds.RULES}
    assert results["fixed"].value == 0.02 and results["fixed"].saw == "no images"
    assert results["target_fpr"].value == thresholds.target_fpr(normals, 0.05)
    assert results["target_fpr"].saw == "40 calibration images"
    for rule, function in LABELLED.items():
        assert (results[rule].value, results[rule].rule) == (function(*ranking), rule)
        assert results[rule].saw.startswith("40 normal images and 60 anomalies of the validation set")
    assert "60.0 % anomalies" in results["max_f1"].saw


def test_a_rule_uses_only_its_own_set(ranking):
    normals = ranking[1][ranking[0] == 0]
    with_labels = thresholds.choose("target_fpr", alpha=0.05, calibration=normals, validation=ranking)
    assert with_labels == thresholds.choose("target_fpr", alpha=0.05, calibration=normals)
    with_normals = thresholds.choose("max_f1", calibration=normals + 100, validation=ranking)
    assert with_normals == thresholds.choose("max_f1", validation=ranking)


@pytest.mark.parametrize(
    ("rule", "given", "message"),
    [
        ("max_f1", {}, "threshold_rule: max_f1 needs a labelled validation set; set validation_share"),
        ("youden", {"validation": ([0, 0], [1, 2])}, "youden needs a labelled validation set"),
        ("min_cost", {"validation": ([1, 1], [1, 2])}, "calibration_share"),
        ("target_fpr", {"alpha": 0.1}, "target_fpr needs a calibration set; set protocol: holdout"),
        ("target_fpr", {"alpha": 0.1, "calibration": [1.0] * 8}, "at least 9 calibration images and there are 8"),
        ("max_fl", {}, "no such rule 'max_fl' .did you mean 'max_f1'"),
    ],
)
def test_a_rule_without_its_set_is_refused_in_one_line(rule, given, message):
    with pytest.raises(UserError, match=message) as caught:
        thresholds.choose(rule, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: thresholds.target_fpr([0.1] * 99, 0),
        lambda: thresholds.target_fpr([0.1] * 99, 1),
        lambda: thresholds.target_fpr([0.1, math.nan], 0.5),
        lambda: thresholds.max_f1([1, 1], [1, 2]),
        lambda: thresholds.max_f1([0, 1], [1, 2, 3]),
        lambda: thresholds.youden([0, 2], [1, 2]),
        lambda: thresholds.youden([0, 1], [1, math.inf]),
        lambda: thresholds.min_cost([0, 1], [1, 2], 0, 0, 0.5),
        lambda: thresholds.min_cost([0, 1], [1, 2], -1, 1, 0.5),
        lambda: thresholds.min_cost([0, 1], [1, 2], 1, 1, 1.0),
        lambda: thresholds.choose("fixed"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value)
