"""Computed sentences state what their numbers show."""

import pytest

from lib import params
from lib.core import formatting
from lib.evaluation import metrics
from lib.evaluation.thresholds import Threshold
from lib.presentation import text

DIGITS = params.load("digits")
HOLDOUT = DIGITS.model_copy(update={"protocol": "holdout", "threshold_rule": "target_fpr", "target_fpr": 0.05})
AUROC = {"value": 0.9, "low": 0.8, "high": 0.95}


def result(tp, fp, tn, fn):
    labels = [1] * (tp + fn) + [0] * (fp + tn)
    scores = [1.0] * tp + [0.0] * fn + [1.0] * fp + [0.0] * tn
    return metrics.at_threshold(labels, scores, 0.5)


def test_percentages_near_0_and_100_have_two_decimals():
    assert formatting.percent(0.9996) == "99.96 %" and formatting.percent(1.0) == "100.0 %"
    assert formatting.percent(0.0004) == "0.04 %" and formatting.percent(0.5) == "50.0 %"


def test_counts_lists_and_signed_numbers():
    assert formatting.count(1, "image") == "1 image" and formatting.count(1234, "image") == "1,234 images"
    assert formatting.count(2, "class", "classes") == "2 classes"
    assert [formatting.listed(list(words)) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert [formatting.signed(value) for value in (0.5, -0.5, -0.00001)] == ["+0.5000", "−0.5000", "0.0000"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((900, 100, 0, 0), "**no better than flagging everything**"),
        ((0, 0, 100, 900), "**worse than flagging everything**"),
        ((880, 5, 95, 20), ", better than flagging everything"),
    ],
)
def test_accuracy_and_f1_are_compared_with_flagging_everything(counts, words):
    sentence = text.performance("vae", result(*counts), AUROC)
    assert sentence.count(words) == 2 and "the VAE has" in sentence
    assert "900 anomalies, 100 normal images" in sentence and "95 % interval 0.8000 to 0.9500" in sentence


def test_the_trivial_values_of_a_data_set_follow_from_its_share_of_anomalies():
    counts = {"images": 1000, "classes": 10, "normal": 100, "anomalies": 900}
    sentences = text.totals(DIGITS, counts, ("3", 150))
    everything = result(tp=900, fp=100, tn=0, fn=0)
    assert f"{everything['accuracy']['value']:.4f}" in sentences and f"{everything['f1']['value']:.4f}" in sentences
    assert "The largest class is 3" in sentences
    assert "The normal class is the largest" in text.totals(DIGITS, counts, ("8", 150))


def test_decisions_state_the_counts_and_the_published_counts():
    sentence = text.decisions("autoencoder", result(8, 1, 2, 3), 0.02, {"tp": 7, "fp": 6, "tn": 5, "fn": 4})
    assert "8 of 11 anomalies" in sentence and "1 of 3 normal images" in sentence
    assert "7 detected and 4 missed, 6 false alarms and 5 passed" in sentence
    assert "published" not in text.decisions("autoencoder", result(8, 1, 2, 3), 0.02, None)


def test_shifts_name_only_attributes_that_differ_clearly():
    clear, unclear = {"value": 0.9, "low": 0.8, "high": 0.95}, {"value": 0.52, "low": 0.4, "high": 0.64}
    sentence = text.shifts("misses", "hits", 50, ["red", "edges"], [clear, unclear])
    assert "more red (0.90)" in sentence and "edges" not in sentence
    assert "No measured attribute" in text.shifts("misses", "hits", 50, ["edges"], [unclear])
    assert "There are no misses" in text.shifts("misses", "hits", 0, [], [])
    assert "too few" in text.shifts("misses", "hits", 2, ["red"], [clear])


def test_recommendations_are_numbered_and_follow_the_loss_and_the_protocol():
    falling, flat = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5], [1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    lines = text.recommendations(DIGITS, [("Collect more eights", "14 are flagged.")], falling)
    assert lines.startswith("1. **Collect more eights.** 14 are flagged.")
    assert "2. **Try more epochs.** Over the last four epochs the loss fell by 44.4 %" in lines
    assert "Do not expect more epochs" in text.recommendations(DIGITS, [], flat)
    assert "images held out" in lines and "images held out" not in text.recommendations(HOLDOUT, [], flat)


def test_a_step_of_the_threshold_states_missed_anomalies_per_false_alarm_saved():
    low, high = result(tp=100, fp=50, tn=50, fn=0), result(tp=80, fp=40, tn=60, fn=20)
    sentences = text.threshold_costs("8", [0.1, 0.2], [low, high])
    assert "10 false alarms fewer, 20 more missed anomalies (2.0 missed" in sentences
    assert "same decisions" in text.threshold_costs("8", [0.1, 0.2], [low, low])


def test_the_threshold_sweep_names_the_best_threshold():
    swept = [result(tp=100, fp=50, tn=50, fn=0), result(tp=99, fp=1, tn=99, fn=1), result(tp=10, fp=0, tn=100, fn=90)]
    sentences = text.threshold_sweep([0.1, 0.2, 0.3], swept)
    assert "accuracy is highest at a threshold of 0.2" in sentences and "F1 at 0.2" in sentences


@pytest.mark.parametrize(("kl", "collapsed"), [(1e-6, True), (25.0, False)])
def test_a_posterior_with_less_than_one_nat_has_collapsed(kl, collapsed):
    sentences = text.collapse({"reconstruction": [0.05], "kl": [kl]}, 1.0, 0.001, 0.1)
    assert ("collapsed" in sentences) is collapsed


def row(name, family, value, low=-0.01, high=0.01, validation=None, score=""):
    """A row of the leaderboard."""
    auroc = {"value": value, "low": value - 0.01, "high": value + 0.01}
    difference = {"value": value - 0.9, "low": low, "high": high}
    return {
        "name": name,
        "family": family,
        "auroc": auroc,
        "difference": None if name == "autoencoder" else difference,
        "validation": validation,
        "score": score,
    }


OWN = row("autoencoder", "autoencoder", 0.9, score="mse")


def test_the_headline_names_every_detector_and_the_protocol():
    threshold = {"value": DIGITS.threshold, "rule": "fixed", "saw": "no images"}
    record = {"auroc": AUROC, "threshold": threshold, "thresholds": {f"{DIGITS.threshold:g}": result(8, 1, 9, 2)}}
    lines = text.headline(DIGITS, {"detectors": {"autoencoder": record, "vae": record}})
    assert len(lines) == 3 and "AUROC 0.9000" in lines[0] and lines[1].startswith("**VAE**")
    assert "resubstitution" in lines[-1]


def test_the_headline_states_the_results_of_the_comparison():
    rows = [
        *(OWN, row("PCA", "baseline", 0.88), row("size", "shortcut", 0.95), row("c", "features", 0.99, validation=1.0)),
        row("a", "autoencoder", 0.96, 0.05, 0.07, validation=0.95, score="mse"),
        row("b", "autoencoder", 0.98, validation=0.94, score="ssim"),
    ]
    verdicts = ["hurt", "hurt", "within noise", "not tried"]
    comparison = {
        "recommendations": {str(place): {"verdict": verdict} for place, verdict in enumerate(verdicts)},
        "choice": {"detector": "c", "aimed_at": 0.05, "at": result(tp=90, fp=8, tn=92, fn=10)},
    }
    figures = {"detectors": {}, "leaderboard": {record["name"]: record for record in rows}, "comparison": comparison}
    _, best, tried, network, recommended = text.headline(DIGITS, figures)
    assert "size, AUROC 0.9500" in best and "a shortcut" in best
    assert "3 recommendations" in tried and "0 helped, 1 made no difference beyond noise and 2 hurt" in tried
    assert "Best of 2 other" in network and ": a, AUROC 0.9600" in network and "(+0.0600" in network
    assert "c, AUROC 0.9900" in recommended and "90 of 100 anomalies" in recommended
    assert "8 false alarms on 100 normal images (false alarm rate 8.0 %, target 5.0 %)" in recommended


def test_baselines_are_compared_by_the_intervals_of_their_differences():
    hog, pca, size = row("HOG", "baseline", 0.95, 0.01, 0.03), row("PCA", "baseline", 0.93), ("size", "shortcut")
    losing, winning = row(*size, 0.7, -0.3, -0.2), row(*size, 0.97, 0.02, 0.05)
    sentences = text.baselines([OWN, hog, pca, losing, row("knn", "features", 0.99, 0.05, 0.1)], "autoencoder")
    assert "**Better than the autoencoder: HOG**" in sentences and "No clear difference: PCA." in sentences
    assert "AUROC above chance: size (0.7000)" in sentences and "size is a shortcut" not in sentences
    assert "**size is a shortcut**" in text.baselines([OWN, hog, pca, winning], "autoencoder")
    assert "No baseline is better" in text.baselines([OWN, pca, losing], "autoencoder")
    assert text.baselines([OWN], "autoencoder") == ""


def test_a_difference_with_overlapping_intervals_may_be_chance():
    fitted, unseen = {"value": 0.95, "low": 0.94, "high": 0.96}, {"value": 0.9, "low": 0.88, "high": 0.92}
    assert "memorised images" in text.held_out(fitted, unseen, 560, 160)
    assert "may be chance" in text.held_out(fitted, unseen | {"high": 0.945}, 560, 160)


def test_the_protocol_states_what_is_held_out():
    parts = {"fit": 70, "calibration": 10, "validation": 0, "normal": 20, "anomalies": 900, "dropped": 3}
    sentences = text.protocol(HOLDOUT, parts, 0)
    assert "No test image was fitted on" in sentences and "3 near-duplicates" in sentences
    assert "70 test images were fitted on" in text.protocol(DIGITS, parts | {"calibration": 0}, 70)


def test_the_variation_between_seeds_needs_more_than_one():
    assert "one seed" in text.seeds({555: 0.9})
    assert "between 0.8000 and 0.9000" in text.seeds({1: 0.8, 2: 0.9, 3: 0.85})


def test_the_arithmetic_is_mentioned_only_in_mixed_precision():
    record = {
        "auroc": AUROC,
        "exact": {"value": 0.91},
        "difference": {"value": -0.01, "low": -0.02, "high": 0.001},
        "seconds": {"mixed_float16": 10.0, "float32": 20.0},
    }
    sentences = text.dtype_policy("mixed_float16", record)
    assert "−0.0100 (95 % interval −0.0200 to +0.0010) may be chance" in sentences and "10 s" in sentences
    assert text.dtype_policy("float32", None) == ""


def test_a_threshold_is_described_by_its_rule_and_its_false_alarm_rate():
    fpr = {"value": 0.03, "low": 0.01, "high": 0.07}
    sentences = text.threshold(Threshold(0.0123, "target_fpr", "80 calibration images"), HOLDOUT, 80, fpr)
    assert "0.0123" in sentences and "from 80 calibration images" in sentences
    assert "new normal images is 4.9 %" in sentences and "3.0 % (95 % interval 1.0 % to 7.0 %)" in sentences
    fixed = text.threshold(Threshold(0.02, "fixed", "no images"), DIGITS, 0, fpr)
    assert "set in the parameter file" in fixed and "expected" not in fixed
    cost = text.threshold(Threshold(0.02, "min_cost", "9 normal images"), HOLDOUT, 9, fpr)
    assert "lowest expected cost" in cost and "A missed anomaly costs 1, a false alarm 1" in cost
