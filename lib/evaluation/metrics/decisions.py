"""Metrics of the decisions at a threshold: counts, rates, and error rates over many thresholds."""

import math

import numpy as np

from lib.evaluation.metrics import intervals
from lib.evaluation.metrics.checks import Metric, checked
from lib.evaluation.thresholds import decide

RATES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc")
COUNTS = ("tp", "fp", "tn", "fn")


def at_threshold(labels, scores, threshold: float) -> dict[str, Metric | int]:
    """Evaluate the decisions at one threshold.

    Conventions are scikit-learn's with `zero_division=0`: precision is 0 if nothing is flagged, MCC is 0 if all
    decisions are the same. Metrics without a meaning for a single class (recall without anomalies, FPR without normal
    images; balanced accuracy and MCC without both classes; F1 with neither an anomaly nor a flagged image) are None.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,).
        scores: Anomaly scores, shape (n,).
        threshold: A score strictly above it is flagged.

    Returns:
        `accuracy`, `balanced_accuracy`, `precision`, `recall`, `f1`, `mcc` and `fpr`, each
        `{"value", "low", "high", "trivial"}`, where `trivial` is the value of flagging everything at this
        prevalence. Metrics that mix both classes also have `nothing`, the value of flagging no image; `fpr` has
        `"better": "lower"`. Also the counts `tp`, `fp`, `tn`, `fn` as plain integers. Intervals of recall and FPR
        are Clopper and Pearson's; for the others see `lib.evaluation.metrics.intervals`.

    Raises:
        ValueError: Lengths differ, there are no images, a label is neither 0 nor 1, or a score is not finite.
    """
    labels, scores = checked(labels, scores)
    flagged = decide(scores, threshold)
    tp, fp = int((flagged & labels).sum()), int((flagged & ~labels).sum())
    anomalies, normals = int(labels.sum()), int((~labels).sum())
    counts = {"tp": tp, "fp": fp, "tn": normals - fp, "fn": anomalies - tp}

    values = rates(**counts)
    trivial = rates(tp=anomalies, fp=normals, tn=0, fn=0)
    nothing = rates(tp=0, fp=0, tn=normals, fn=anomalies)
    bounds = intervals.of_mixed_rates(rates, **counts)
    result: dict[str, Metric | int] = {}
    for name in RATES:
        if name == "recall":
            result[name] = _share_flagged(tp, anomalies)
            continue
        low, high = bounds[name]
        result[name] = {
            "value": values[name],
            "low": low,
            "high": high,
            "trivial": trivial[name],
            "nothing": nothing[name],
        }
    return result | {"fpr": _share_flagged(fp, normals) | {"better": "lower"}} | counts


def _share_flagged(k: int, n: int) -> Metric:
    """The share of one class that is flagged, with its interval; flagging everything flags all of the class."""
    low, high = intervals.clopper_pearson(k, n) if n else (None, None)
    return {"value": k / n if n else None, "low": low, "high": high, "trivial": 1.0 if n else None}


def rates(tp: float, fp: float, tn: float, fn: float) -> dict[str, float | None]:
    """Return the rates of a confusion matrix.

    Args:
        tp: Anomalies that are flagged.
        fp: Normal images that are flagged (false alarms).
        tn: Normal images that are not flagged.
        fn: Anomalies that are not flagged (missed anomalies).

    Returns:
        `accuracy`, `balanced_accuracy`, `precision`, `recall`, `f1`, `mcc`, `fpr`; None where a rate has no
        meaning (see `at_threshold`).
    """
    anomalies, normals, flagged = tp + fn, tn + fp, tp + fp
    both = anomalies > 0 and normals > 0
    margins = math.sqrt(flagged) * math.sqrt(fn + tn) * math.sqrt(anomalies) * math.sqrt(normals)
    return {
        "accuracy": (tp + tn) / (anomalies + normals) if anomalies + normals else None,
        "balanced_accuracy": (tp / anomalies + tn / normals) / 2 if both else None,
        "precision": tp / flagged if flagged else 0.0,
        "recall": tp / anomalies if anomalies else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "mcc": ((tp * tn - fp * fn) / margins if margins else 0.0) if both else None,
        "fpr": fp / normals if normals else None,
    }


def at_random(tp: int, fp: int, tn: int, fn: int) -> dict[str, float | None]:
    """Return the chance value of every rate: the same number of images flagged at random.

    These are the `rates` of the expected counts. Recall and FPR are both the share of images that is flagged,
    precision is the prevalence, balanced accuracy 0.5 and MCC 0.

    Args are those of `rates`, and so are the names returned.
    """
    anomalies, normals = tp + fn, tn + fp
    share = (tp + fp) / (anomalies + normals) if anomalies + normals else 0.0
    caught, alarms = share * anomalies, share * normals
    values = rates(caught, alarms, normals - alarms, anomalies - caught)
    known = {"balanced_accuracy": 0.5, "mcc": 0.0} if anomalies and normals else {}
    return values | known  # the expected counts give these only up to rounding


def error_rates(labels, scores, thresholds) -> tuple[np.ndarray, np.ndarray]:
    """Return the miss rate and the false alarm rate at many thresholds, for curves.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        thresholds: Shape (k,), in any order.

    Returns:
        `(miss_rate, false_alarm_rate)`, each of shape (k,): the share of anomalies that are not flagged and the share
        of normal images that are flagged.

    Raises:
        ValueError: As `lib.evaluation.metrics.auroc`.
    """
    labels, scores = checked(labels, scores, both="error rates")
    thresholds = np.asarray(thresholds, dtype=float)
    missed = np.searchsorted(np.sort(scores[labels]), thresholds, side="right") / labels.sum()
    passed = np.searchsorted(np.sort(scores[~labels]), thresholds, side="right") / (~labels).sum()
    return missed, 1.0 - passed
