"""Sentences about thresholds and the decisions made with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.formatting import count, listed, percent
from lib.evaluation.thresholds import Threshold, realised_fpr
from lib.params import Parameters
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import detector_name, rate

RULES = {
    "target_fpr": "by split conformal calibration [@lei2018], so that the expected false alarm rate is at most the "
    "target",
    "max_f1": "at the highest F1",
    "youden": "at the highest value of recall minus false alarm rate",
    "min_cost": "at the lowest expected cost",
}


def expected_fpr(calibration: int, target: float, alpha: float) -> str:
    """The false alarm rate to expect on new images from a threshold set on a number of calibration images.

    Args:
        calibration: Number of images that the threshold saw.
        target: The false positive rate of the parameter set.
        alpha: The rate that the threshold aims at; higher than the target where so few images cannot promise that.
    """
    mean, low, high = realised_fpr(calibration, alpha)
    text = ""
    if alpha > target:
        text = (
            f"**The target of {percent(target)} cannot be promised with {count(calibration, 'image')}**; the lowest "
            f"rate that can be is {percent(alpha)}. "
        )
    return text + (
        f"The expected false alarm rate on new normal images is {percent(mean)}; for 95 % of calibration sets of "
        f"{count(calibration, 'image')} it is between {percent(low)} and {percent(high)}."
    )


def threshold(threshold: Threshold, params: Parameters, calibration: int, fpr: Mapping[str, Any]) -> str:
    """How a threshold was set, and its false alarm rate on the test set.

    Args:
        threshold: The threshold.
        params: The study's parameters.
        calibration: Number of calibration images.
        fpr: The false positive rate on the test set.
    """
    value = f"{threshold.value:.4g}"
    if threshold.rule == "fixed":
        text = f"The threshold of {value} was set in the parameter file, without looking at images."
    else:
        how = f"{RULES[threshold.rule]} (rule `{threshold.rule}`)"
        text = f"The threshold of {value} was set {how}, from {threshold.saw}."
    if threshold.rule == "target_fpr":
        text += f" The target is {percent(params.target_fpr)}. "
        text += expected_fpr(calibration, params.target_fpr, params.target_fpr)
    if threshold.rule == "min_cost":
        text += (
            f" A missed anomaly costs {params.cost_miss:g}, a false alarm {params.cost_false_alarm:g}; the expected "
            f"share of anomalies is {percent(params.prevalence)}."
        )
    if fpr["low"] is not None:
        text += f" The false alarm rate on the normal images of the test set is {rate(fpr)}."
    return text


def decisions(name: str, result: Mapping[str, Any], threshold: float, published: Mapping[str, Any] | None) -> str:
    """Counts of the four kinds of decisions on the test set, and the published counts where there are any."""
    anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
    text = (
        f"At the threshold of {threshold:.4g} the {detector_name(name)} detects **{result['tp']:,} of "
        f"{count(anomalies, 'anomaly', 'anomalies')}** of the test set and misses {result['fn']:,}; it raises "
        f"false alarms on **{result['fp']:,} of {count(normals, 'normal image')}** and passes {result['tn']:,}."
    )
    if published:
        text += (
            f" The published counts are {published['tp']:,} detected and {published['fn']:,} missed, "
            f"{published['fp']:,} false alarms and {published['tn']:,} passed."
        )
    return text


def threshold_sweep(thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """The best threshold by each measure on the test set, and the errors at the lowest and the highest threshold."""

    def best(key: str) -> str:
        value, threshold = max((result[key]["value"], -at) for at, result in zip(thresholds, results, strict=True))
        return f"{-threshold:.4g} ({value:.4f})"

    first, last = results[0], results[-1]
    return (
        f"On the test set accuracy is highest at a threshold of {best('accuracy')}, F1 at {best('f1')}, and balanced "
        f"accuracy, which does not depend on the share of anomalies, at {best('balanced_accuracy')}. At "
        f"{thresholds[0]:.4g} the detector misses {count(first['fn'], 'anomaly', 'anomalies')} and raises "
        f"{count(first['fp'], 'false alarm')}; at {thresholds[-1]:.4g} it misses {last['fn']:,} and raises "
        f"{last['fp']:,}."
    )


def threshold_costs(normal_class: str, thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """The false alarms saved and the anomalies missed by each step to the next higher threshold."""
    lines = []
    for low, high, at, above in zip(results, results[1:], thresholds, thresholds[1:], strict=False):
        saved, missed = low["fp"] - high["fp"], high["fn"] - low["fn"]
        if not saved and not missed:
            continue
        ratio = f"{missed / saved:.1f} missed anomalies per false alarm saved" if saved else "no false alarm saved"
        lines.append(
            f"- From {at:.4g} to {above:.4g}: {count(saved, 'false alarm')} fewer, "
            f"{count(missed, 'more missed anomaly', 'more missed anomalies')} ({ratio})."
        )
    if not lines:
        return "All these thresholds give the same decisions on the test set."
    return (
        f"A false alarm rejects an image of class {literal(normal_class)}; a missed anomaly is accepted as one. A "
        "higher threshold gives fewer false alarms and more missed anomalies:\n\n"
        + "\n".join(lines)
        + "\n\nA step to a higher threshold saves cost only if a false "
        "alarm costs more than that number of missed anomalies."
    )


def cheapest(found: Mapping[str, tuple[float, float]], prevalence: float) -> str:
    """The threshold with the lowest expected cost on the test set, for each ratio of costs.

    Args:
        found: What `lib.evaluation.metrics.cheapest` returns, by the ratio as text.
        prevalence: Share of anomalies in use.
    """
    parts = []
    for ratio, (threshold, cost) in found.items():
        part = f"{threshold:.4g} at {ratio}"
        parts.append(part if cost < 1 else f"{part} (no cheaper than deciding without looking)")
    return (
        f"Where {percent(prevalence)} of the images are anomalies, the threshold with the lowest expected cost on the "
        f"test set is {listed(parts)}, by the cost of a missed anomaly to that of a false alarm. A threshold chosen on "
        "the test set makes its own figures too good."
    )
