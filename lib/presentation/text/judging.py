"""Sentences on a threshold, and on what is decided at it."""

from collections.abc import Mapping
from typing import Any

from lib.evaluation.thresholds import Threshold, realised_fpr
from lib.params import Parameters
from lib.presentation.text.terms import NAMES, against, count, percent

RULES = {
    "fixed": "is fixed by the parameter set",
    "target_fpr": "keeps the expected share of normal images flagged at or below the target, by split conformal "
    "calibration",
    "max_f1": "is where F1 is highest",
    "youden": "is where recall minus the false alarm rate is highest",
    "min_cost": "is where the expected cost of misses and false alarms is lowest",
}


def scatter(calibration: int, target: float) -> str:
    """What rate of false alarms to expect of a threshold that was set on so many normal images."""
    mean, low, high = realised_fpr(calibration, target)
    return (
        f"With {count(calibration, 'calibration image')} and a target of {percent(target)}, the rate on new images is "
        f"{percent(mean)} in the mean, and between {percent(low)} and {percent(high)} for 95 % of calibration parts."
    )


def rule(line: Threshold, params: Parameters, calibration: int, fpr: Mapping[str, Any]) -> str:
    """How a threshold came about, what its rule was shown, and what it came to on the judged images.

    Args:
        line: the threshold.
        params: the study's parameters.
        calibration: normal images that the rule was shown.
        fpr: the false positive rate on the judged images.
    """
    text = f"The threshold of {line.value:.4g} {RULES[line.rule]} (rule `{line.rule}`); the rule saw {line.saw}."
    if line.rule == "target_fpr":
        text += " " + scatter(calibration, params.target_fpr)
    if fpr["low"] is not None:
        text += (
            f" On the judged normal images it is {percent(fpr['value'])} (95 % interval {percent(fpr['low'])} to "
            f"{percent(fpr['high'])})."
        )
    return text


def decisions(name: str, result: Mapping[str, Any], threshold: float, reference: Mapping[str, Any] | None) -> str:
    """Counts detected and misclassified at a threshold, beside the published ones."""
    anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
    text = (
        f"At the threshold of {threshold:.4g} the {NAMES.get(name, name)} detects **{result['tp']:,} of "
        f"{count(anomalies, 'anomaly', 'anomalies')}** and misses {result['fn']:,}; it takes **{result['fp']:,} of "
        f"{count(normals, 'normal image')}** for anomalies and passes {result['tn']:,}."
    )
    if reference:
        text += (
            f" The published study found {reference['tp']:,} and {reference['fn']:,}, {reference['fp']:,} and "
            f"{reference['tn']:,}."
        )
    return text


def verdict(name: str, result: Mapping[str, Any], auroc: Mapping[str, float]) -> str:
    """Accuracy and F1 against flagging everything, and AUROC against chance."""
    lines = []
    for key, word in (("accuracy", "accuracy"), ("f1", "F1")):
        metric = result[key]
        lines.append(f"an {word} of {metric['value']:.4f}, {against(metric)}")
    ranked = (
        f"Its AUROC is **{auroc['value']:.4f}** (95 % interval {auroc['low']:.4f} to {auroc['high']:.4f}): so often "
        "does a random anomaly score higher than a random normal image, whatever the threshold."
    )
    return f"The {NAMES.get(name, name)} reaches {lines[0]}, and {lines[1]}. {ranked}"
