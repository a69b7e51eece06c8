"""Computed sentences state what their numbers show."""

import pytest

from lib import params
from lib.core import formatting
from lib.evaluation import metrics
from lib.evaluation.thresholds import Threshold
from lib.presentation import tables, text
from lib.presentation.text import first_page, terms

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
    assert "900 anomalies, 100 normal images" in sentence and "95 % interval 0.800 to 0.950" in sentence


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


def latent(kl, alarms):
    return {"beta": 1.0, "kl": kl, "active": 3, "latent": 8, "share": 0.2, "reconstruction": 0.05, "alarms": alarms}


def test_a_collapsed_posterior_is_named_where_the_record_says_so():
    spreads = {"VAE": 0.001, "autoencoder": 0.1}
    collapsed = text.latent_use({"VAE": latent(1e-6, ["posterior collapse"])}, spreads)
    assert "Posterior collapse" in collapsed and "1e-06 nats" in collapsed and "3 of its 8 values" in collapsed
    assert "collapse" not in text.latent_use({"VAE": latent(25.0, [])}, spreads)
    assert "no effect" in text.latent_use({"VAE": latent(25.0, ["inert KL"])}, spreads)


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
        "seconds": 1.0,
    }


OWN = row("autoencoder", "autoencoder", 0.9, score="mse")


def answer(chosen=True, at=None, **changes):
    at = at or result(tp=90, fp=0, tn=35, fn=10)
    precision = metrics.precision_in_use(at["recall"], at["fpr"], 0.1)
    return {
        "column": "hog", "detector": "HOG", "family": "baseline", "chosen": chosen, "auroc": AUROC, "at": at,
        "threshold": {"value": 0.25, "rule": "target_fpr", "saw": "22 calibration images"}, "target": 0.05,
        "alpha": 0.05, "calibration": 22, "precision_in_use": precision,
    } | changes  # fmt: skip


def test_the_answer_states_counts_on_unseen_images_and_the_interval_of_the_false_alarm_rate():
    sentence = first_page.answer(answer())
    assert "Use the HOG, at a threshold of 0.25" in sentence and "90 of 100 anomalies" in sentence
    low, high = metrics.clopper_pearson(0, 35)
    assert low == 0 and f"0.0 % (95 % interval 0.0 % to {formatting.percent(high)})" in sentence
    assert first_page.answer(answer(chosen=False, detector="vae")).startswith(
        "**The study uses the VAE, at a threshold"
    )


def test_names_of_detectors_are_readable_inside_a_sentence():
    assert terms.in_words("vae") == "the VAE"
    assert terms.in_words("features, patches, 96 px") == "the detector “features, patches, 96 px”"
    assert terms.in_words("latent 128") == "the detector “latent 128”"
    assert terms.in_words("ensemble: HOG + a, b") == "the ensemble of HOG and “a, b”"
    assert terms.in_words("ensemble of one network: a + b") == "the ensemble of one network (a and b)"


def test_no_false_alarm_of_35_does_not_make_every_flagged_image_an_anomaly():
    sentence = first_page.in_use(answer(), 0.1)
    assert "Of 1,000 images in use, 10.0 % of them anomalies, about 90 are flagged" in sentence
    low = 0.1 * metrics.clopper_pearson(90, 100)[0]
    low /= low + 0.9 * metrics.clopper_pearson(0, 35)[1]
    assert f"Between {formatting.percent(low)} and 100.0 %" in sentence and low < 0.5
    nothing_flagged = answer(at=result(tp=0, fp=0, tn=35, fn=100))
    assert "about 0 are flagged" in first_page.in_use(nothing_flagged, 0.1)


def test_the_boxes_have_the_figures_of_the_answer():
    recall, fpr, auroc = first_page.boxes(answer())
    assert (recall.value, fpr.value, auroc.value) == ("90.0 %", "0.0 %", "0.900")
    assert "90 of 100" in recall.note and "0 of 35" in fpr.note and "0.800 to 0.950" in auroc.note


def test_what_to_do_next_follows_from_the_warnings():
    few = {"kind": "few_calibration", "images": 11, "needed": 19, "target": 0.05, "alpha": 1 / 12}
    plain = " ".join(first_page.next_steps(DIGITS, {"answer": answer(), "warnings": []}))
    assert "run/detectors/hog" in plain and "calibration_share" not in plain
    steps = " ".join(first_page.next_steps(DIGITS, {"answer": answer(), "warnings": [few]}))
    assert "at least 19 normal images" in steps and "5.0 %" in steps
    bare = DIGITS.model_copy(update={"backbone": "", "refinements": []})
    unchosen = " ".join(first_page.next_steps(bare, {"answer": answer(chosen=False), "warnings": []}))
    assert "Name a `backbone`" in unchosen and "run/detectors" not in unchosen


WARNINGS = [
    ({"kind": "no_better_than_chance", "detector": "vae", "auroc": AUROC | {"low": 0.45}}, "no better than chance"),
    ({"kind": "nothing_held_out", "seen": 174, "unseen": 35}, "174 normal images"),
    ({"kind": "shortcut", "name": "file <size>", "auroc": AUROC}, "file \\<size\\> alone"),
    ({"kind": "near_duplicates", "count": 1, "of": 20}, "1 of 20 anomalies is a near-duplicate"),
    ({"kind": "few_calibration", "images": 17, "needed": 19, "target": 0.05, "alpha": 1 / 18}, "set for 5.6 %"),
    ({"kind": "few_normal_images", "count": 35}, "35 normal images"),
    ({"kind": "one_decision_for_all", "detector": "vae", "threshold": 0.01, "flags": "every"}, "every normal image"),
    ({"kind": "posterior_collapse", "detectors": ["VAE", "β 3"]}, "VAE and β 3 has collapsed"),
    ({"kind": "falling_loss", "detector": "autoencoder", "epochs": 20, "decrease": 0.3}, "by 30.0 %"),
]


@pytest.mark.parametrize(("record", "words"), WARNINGS, ids=[record["kind"] for record, _ in WARNINGS])
def test_a_warning_states_its_numbers(record, words):
    assert words in text.warning(record)


def test_baselines_are_compared_by_the_intervals_of_their_differences():
    hog, pca, size = row("HOG", "baseline", 0.95, 0.01, 0.03), row("PCA", "baseline", 0.93), ("size", "shortcut")
    losing, winning = row(*size, 0.7, -0.3, -0.2), row(*size, 0.97, 0.02, 0.05)
    sentences = text.baselines([OWN, hog, pca, losing, row("knn", "features", 0.99, 0.05, 0.1)], "autoencoder")
    assert "**Better than the autoencoder: HOG**" in sentences and "No clear difference: PCA." in sentences
    assert "AUROC above chance: size (0.700)" in sentences and "ize is a shortcut" not in sentences
    assert "**Size is a shortcut**" in text.baselines([OWN, hog, pca, winning], "autoencoder")
    assert "None is better" in text.baselines([OWN, pca, losing], "autoencoder")
    assert text.baselines([OWN], "autoencoder") == ""


def test_a_difference_with_overlapping_intervals_may_be_chance():
    fitted, unseen = {"value": 0.95, "low": 0.94, "high": 0.96}, {"value": 0.9, "low": 0.88, "high": 0.92}
    assert "has memorised some" in text.held_out(fitted, unseen, 560, 160)
    assert "may be chance" in text.held_out(fitted, unseen | {"high": 0.945}, 560, 160)


def test_the_protocol_states_what_is_held_out():
    sets = ("fit", "calibration", "validation_normal", "validation_anomalies", "normal", "anomalies", "dropped")
    parts = dict(zip(sets, (70, 10, 0, 0, 20, 900, 3), strict=True))
    sentences = text.protocol(HOLDOUT, parts, 0)
    assert "No test image was fitted on" in sentences and "3 anomalies are near-duplicates" in sentences
    assert "validation" not in sentences
    both = text.protocol(HOLDOUT, parts | {"validation_normal": 5, "validation_anomalies": 9}, 0)
    assert "validation set has 5 normal images and 9 anomalies" in both
    assert "70 test images were fitted on" in text.protocol(DIGITS, parts | {"calibration": 0}, 70)


def test_the_variation_between_seeds_is_stated():
    assert "between 0.800 and 0.900" in text.seeds({1: 0.8, 2: 0.9, 3: 0.85})


def test_the_arithmetic_is_mentioned_only_in_mixed_precision():
    record = {
        "auroc": AUROC,
        "exact": {"value": 0.91},
        "difference": {"value": -0.01, "low": -0.02, "high": 0.001},
        "seconds": {"mixed_float16": 10.0, "float32": 20.0},
    }
    sentences = text.dtype_policy("mixed_float16", record)
    assert "−0.0100 (95 % interval −0.020 to +0.001) may be chance" in sentences and "10 s" in sentences
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


def test_a_target_that_so_few_images_cannot_promise_is_named():
    assert "cannot be promised" not in text.expected_fpr(22, 0.05, 0.05)
    sentence = text.expected_fpr(17, 0.05, 0.05556)
    assert "target of 5.0 % cannot be promised with 17 images" in sentence and "is 5.6 %" in sentence


def test_the_cheapest_threshold_is_named_for_each_ratio():
    sentence = text.cheapest({"1 : 1": (0.3, 0.5), "10 : 1": (0.1, 1.0)}, 0.1)
    assert "is 0.3 at 1 : 1 and 0.1 at 10 : 1 (no cheaper" in sentence
    assert "the cost of a missed anomaly to that of" in sentence


def test_a_sentence_on_a_difference_and_its_table_read_the_same_interval():
    rows = [OWN, row("latent 128", "autoencoder", 0.87, -0.05, -0.01, validation=0.95, score="mse")]
    assert "worse than the autoencoder" in text.best_network(rows)
    assert tables.leaderboard(rows)["Reading"].tolist()[1] == "lower"
    barely = {"value": 0.52, "low": 0.501, "high": 0.54}
    assert tables.reading(barely) == "higher" and "more red" in text.shifts("misses", "hits", 50, ["red"], [barely])


def test_work_in_use_says_when_it_is_measured_on_images_that_were_fitted_on():
    row = {"reviewed": 275.0, "caught": 95.0, "missed": 5.0, "false_alarms": 180.0}
    precision = {"value": 0.345, "low": 0.3, "high": 0.4}
    words = text.workload("vae", row, precision, 0.1)
    assert "the VAE is expected to flag 275" in words and "95 anomalies and 180 false alarms" in words
    assert "34.5 % are then anomalies (between 30.0 % and 40.0 %" in words and "too good" not in words
    assert "the 174 normal images of the test set were fitted on" in text.workload("vae", row, precision, 0.1, 174)
    one = text.workload("vae", {**row, "caught": 1.4, "missed": 0.9, "false_alarms": 0.6}, precision, 0.1)
    assert "1 anomaly and 1 false alarm. It misses 1 anomaly." in one
