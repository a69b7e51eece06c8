"""Computed sentences say what their numbers say."""

import pytest
from lib.thresholds import Threshold

from lib import params
from lib.evaluation import metrics
from lib.presentation import text as wording

DIGITS = params.load("digits")


def result(tp, fp, tn, fn):
    labels = [1] * (tp + fn) + [0] * (fp + tn)
    scores = [1.0] * tp + [0.0] * fn + [1.0] * fp + [0.0] * tn
    return metrics.at_threshold(labels, scores, 0.5)


AUROC = {"value": 0.9, "low": 0.8, "high": 0.95}


def test_almost_all_is_not_called_all():
    assert wording.percent(0.9996) == "99.96 %" and wording.percent(1.0) == "100.0 %"
    assert wording.percent(0.0004) == "0.04 %" and wording.percent(0.5) == "50.0 %"


def test_one_is_singular():
    assert wording.count(1, "image") == "1 image" and wording.count(1234, "image") == "1,234 images"
    assert wording.count(2, "class", "classes") == "2 classes"


def test_flagging_everything_is_called_no_better_than_that():
    text = wording.verdict("vae", result(tp=900, fp=100, tn=0, fn=0), AUROC)
    assert text.count("no better than flagging everything") == 2


def test_flagging_nothing_is_called_worse():
    text = wording.verdict("vae", result(tp=0, fp=0, tn=100, fn=900), AUROC)
    assert text.count("worse than flagging everything") == 2


def test_a_good_detector_is_called_better():
    text = wording.verdict("autoencoder", result(tp=880, fp=5, tn=95, fn=20), AUROC)
    assert text.count(" better than flagging everything") == 2 and "no better" not in text


def test_the_trivial_values_of_a_data_set_are_those_of_its_unbalance():
    counts = {"images": 1000, "classes": 10, "normal": 100, "anomalies": 900}
    text = wording.totals(DIGITS, counts, ("3", 150))
    everything = result(tp=900, fp=100, tn=0, fn=0)
    assert f"{everything['accuracy']['value']:.4f}" in text and f"{everything['f1']['value']:.4f}" in text
    assert "The largest class is 3" in text
    assert "The normal class is the largest" in wording.totals(DIGITS, counts, ("8", 150))


def test_counts_at_a_threshold_stand_beside_the_published_ones():
    text = wording.decisions("autoencoder", result(8, 1, 2, 3), 0.02, {"tp": 7, "fp": 6, "tn": 5, "fn": 4})
    assert "8 of 11 anomalies" in text and "1 of 3 normal images" in text and "7 and 4, 6 and 5" in text
    assert "published" not in wording.decisions("autoencoder", result(8, 1, 2, 3), 0.02, None)


def test_what_groups_have_in_common_is_only_said_where_it_is_clear():
    clear = {"value": 0.9, "low": 0.8, "high": 0.95}
    unclear = {"value": 0.52, "low": 0.4, "high": 0.64}
    text = wording.shifts("misses", "hits", 50, ["red", "edges"], [clear, unclear])
    assert "more red (0.90)" in text and "edges" not in text
    assert "None of the attributes" in wording.shifts("misses", "hits", 50, ["edges"], [unclear])
    assert "There are no misses" in wording.shifts("misses", "hits", 0, [], [])
    assert "too few" in wording.shifts("misses", "hits", 2, ["red"], [clear])


def test_recommendations_number_the_advice_and_add_what_the_loss_says():
    falling, flat = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5], [1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    text = wording.recommendations(DIGITS, [("Show more eights", "14 are rejected.")], falling)
    assert text.startswith("1. **Show more eights.** 14 are rejected.") and "2. **Try more epochs.**" in text
    assert "Do not expect more epochs" in wording.recommendations(DIGITS, [], flat)
    assert "held out before trusting" in text
    held = DIGITS.model_copy(update={"protocol": "holdout"})
    assert "held out before trusting" not in wording.recommendations(held, [], flat)


def test_the_price_of_a_step_is_misses_for_each_false_alarm_saved():
    low, high = result(tp=100, fp=50, tn=50, fn=0), result(tp=80, fp=40, tn=60, fn=20)
    assert "10 false alarms fewer, 20 more missed anomalies (2.0 missed" in wording.costs("8", [0.1, 0.2], [low, high])


def test_the_best_threshold_of_a_sweep_is_named():
    swept = [result(tp=100, fp=50, tn=50, fn=0), result(tp=99, fp=1, tn=99, fn=1), result(tp=10, fp=0, tn=100, fn=90)]
    text = wording.sweep([0.1, 0.2, 0.3], swept)
    assert "Accuracy is highest at 0.2" in text and "F1 at 0.2" in text


@pytest.mark.parametrize(("kl", "collapsed"), [(1e-6, True), (25.0, False)])
def test_a_collapsed_posterior_is_called_so(kl, collapsed):
    text = wording.collapse({"reconstruction": [0.05], "kl": [kl]}, 1.0, 0.001, 0.1)
    assert ("collapsed" in text) is collapsed


def test_the_headline_names_every_detector_and_the_protocol():
    line = {"value": DIGITS.threshold, "rule": "fixed", "saw": "nothing"}
    record = {"auroc": AUROC, "threshold": line, "thresholds": {f"{DIGITS.threshold:g}": result(8, 1, 9, 2)}}
    lines = wording.headline(DIGITS, {"detectors": {"autoencoder": record, "vae": record}})
    assert len(lines) == 3 and "AUROC 0.9000" in lines[0] and "resubstitution" in lines[-1]


def test_words_are_listed_as_a_person_would():
    assert [wording.listed(list(words)) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_the_headline_tells_what_became_of_the_recommendations_and_what_to_use():
    def row(family, validation, value):
        more = {"value": value - 0.9, "low": value - 0.91, "high": value - 0.89}
        return {"family": family, "validation": validation, "auroc": {"value": value}, "difference": more}

    judged = {"autoencoder": row("autoencoder", 0.99, 0.9) | {"difference": None}}
    judged |= {"a": row("autoencoder", 0.95, 0.96), "b": row("autoencoder", 0.94, 0.98), "c": row("features", 1, 0.99)}
    verdicts = ["hurt", "hurt", "within noise", "not tried"]
    refined = {
        "recommendations": {str(place): {"verdict": verdict} for place, verdict in enumerate(verdicts)},
        "judged": judged,
        "choice": {"detector": "c", "aimed_at": 0.05, "at": result(tp=90, fp=8, tn=92, fn=10)},
    }
    lines = wording.headline(DIGITS, {"detectors": {}, "refinements": refined})
    assert "3 recommendations" in lines[1] and "0 helped, 1 made no difference beyond noise and 2 hurt" in lines[1]
    assert "Best of 2 other" in lines[2] and ": a, AUROC 0.9600" in lines[2] and "(+0.0600" in lines[2]
    assert "c, AUROC 0.9900" in lines[3] and "90 of 100 anomalies" in lines[3]
    assert "8 false alarms on 100 normal images (8.0 %, aimed at 5.0 %)" in lines[3]


def test_a_reference_that_wins_is_said_to_and_so_is_a_shortcut_that_tells():
    def record(value, low, high, shortcut=False):
        area = {"value": value, "low": value - 0.01, "high": value + 0.01}
        return {"auroc": area, "difference": {"value": 0.0, "low": low, "high": high}, "shortcut": shortcut}

    records = {"HOG": record(0.95, 0.01, 0.03), "PCA": record(0.93, -0.01, 0.01), "size": record(0.7, -0.3, -0.2, True)}
    own = {"autoencoder": {"auroc": AUROC}}
    text = wording.references(own | records)
    assert "Clearly better than the autoencoder: HOG." in text and "No clear difference to it: PCA." in text
    assert "better than chance: size (0.7000)" in text
    assert "A shortcut wins" not in text
    records["size"] = record(0.97, 0.02, 0.05, True)
    assert "**A shortcut wins**: size does not look" in wording.references(own | records)
    records["size"] = record(0.7, -0.3, -0.2, True)
    del records["HOG"]
    assert "None of them is clearly better" in wording.references(own | records)


def test_an_overlap_of_intervals_is_called_chance():
    own, new = {"value": 0.95, "low": 0.94, "high": 0.96}, {"value": 0.9, "low": 0.88, "high": 0.92}
    assert "learned by heart" in wording.held_out(own, new, 560, 160)
    assert "may be chance" in wording.held_out(own, new | {"high": 0.945}, 560, 160)


def test_the_protocol_says_what_was_held_out():
    parts = {"fit": 70, "calibration": 10, "validation": 0, "normal": 20, "anomalies": 900, "dropped": 3}
    held = wording.protocol(DIGITS.model_copy(update={"protocol": "holdout"}), parts, 0)
    assert "No image that is judged was fitted on" in held and "3 anomalies that nearly repeat" in held
    assert "70 judged images were fitted on" in wording.protocol(DIGITS, parts | {"calibration": 0}, 70)


def test_one_seed_says_nothing_of_the_spread_and_several_do():
    assert "one seed" in wording.spread({555: 0.9})
    assert "0.8000 and 0.9000" in wording.spread({1: 0.8, 2: 0.9, 3: 0.85})


def test_a_calibrated_threshold_says_what_it_promises_and_what_came_of_it():
    held = DIGITS.model_copy(update={"protocol": "holdout", "threshold_rule": "target_fpr", "target_fpr": 0.05})
    line = Threshold(0.0123, "target_fpr", "80 calibration normals")
    text = wording.rule(line, held, 80, {"value": 0.03, "low": 0.01, "high": 0.07})
    assert "0.0123" in text and "saw 80 calibration normals" in text and "4.9 % in the mean" in text
    assert "3.0 % (95 % interval 1.0 % to 7.0 %)" in text
    fixed = wording.rule(Threshold(0.02, "fixed", "no image"), DIGITS, 0, {"value": 0.03, "low": 0.01, "high": 0.07})
    assert "in the mean" not in fixed
