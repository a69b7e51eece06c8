"""Metrics of the ranking of the images, which need no threshold: areas under curves, and the curves."""

import math

import numpy as np
import sklearn.metrics

from lib.evaluation.metrics.checks import Metric, checked
from lib.evaluation.metrics.intervals import (
    Z,
    cumulative,
    logit_bootstrap,
    percentile_bootstrap,
    placements,
    superiority,
)


def ranking_metrics(labels, scores) -> dict[str, Metric]:
    """Return all metrics that need no threshold.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `auroc`, `aupr`, `aupr_normal` (normal images as the positive class) and `fpr_at_95_tpr`, as the functions of
        these names return them.

    Raises:
        ValueError: As `auroc`.
    """
    return {
        "auroc": auroc(labels, scores),
        "aupr": aupr(labels, scores),
        "aupr_normal": aupr(labels, scores, positive="normal"),
        "fpr_at_95_tpr": fpr_at_tpr(labels, scores),
    }


def auroc(labels, scores) -> Metric:
    """Return the probability that a random anomaly scores higher than a random normal image, ties counting half.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.5}` with the 95 % DeLong interval.

    Raises:
        ValueError: Lengths differ, only one class occurs, a label is neither 0 nor 1, or a score is not
            finite.
    """
    labels, scores = checked(labels, scores, both="AUROC")
    value, low, high = superiority(scores[labels], scores[~labels])
    return {"value": value, "low": low, "high": high, "chance": 0.5}


def auroc_difference(labels, scores, others) -> Metric:
    """Return the AUROC of `scores` minus the AUROC of `others` on the same images.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); at least two of each.
        scores: Scores of the first detector, shape (n,).
        others: Scores of the second detector for the same images in the same order, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.0}`; the interval is DeLong's for correlated curves.

    Raises:
        ValueError: As `auroc`, or a class has fewer than two images.
    """
    labels, scores = checked(labels, scores, both="AUROC")
    _, others = checked(labels, others)
    if min(labels.sum(), (~labels).sum()) < 2:
        raise ValueError("labels: comparing two AUROCs needs at least two normal images and two anomalies")
    above, below = zip(*(placements(s[labels], s[~labels]) for s in (scores, others)), strict=True)
    value = float(above[0].mean() - above[1].mean())
    variance = sum(np.var(part[0] - part[1], ddof=1) / part[0].size for part in (above, below))
    half = Z * math.sqrt(variance)
    return {"value": value, "low": max(value - half, -1.0), "high": min(value + half, 1.0), "chance": 0.0}


def aupr(labels, scores, positive: str = "anomaly") -> Metric:
    """Return average precision, the step-wise area under the precision-recall curve.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        positive: The positive class, `"anomaly"` or `"normal"`; for the latter the lowest scores come first.

    Returns:
        `{"value", "low", "high", "chance"}`; chance is the share of the positive class; the interval is a
        stratified bootstrap on the logit scale with a fixed seed.

    Raises:
        ValueError: As `auroc`, or `positive` is another word.
    """
    labels, scores = checked(labels, scores, both="AUPR")
    if positive not in ("anomaly", "normal"):
        raise ValueError(f"positive: {positive!r} is neither 'anomaly' nor 'normal'")
    if positive == "normal":
        labels, scores = ~labels, -scores
    value = float(_average_precision(*cumulative(labels, scores)))
    low, high = logit_bootstrap(labels, scores, _average_precision, value)
    return {"value": value, "low": low, "high": high, "chance": float(labels.mean())}


def fpr_at_tpr(labels, scores, tpr: float = 0.95) -> Metric:
    """Return the lowest FPR among the thresholds that reach a TPR.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        tpr: The share of anomalies to catch, above 0 and at most 1.

    Returns:
        `{"value", "low", "high", "chance": tpr, "better": "lower"}`; the interval is a stratified
        percentile bootstrap with a fixed seed.

    Raises:
        ValueError: As `auroc`, or `tpr` is out of range.
    """
    labels, scores = checked(labels, scores, both="FPR at a TPR")
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr: {tpr:g} is not above 0 and at most 1")

    def statistic(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
        # The tolerance makes 0.95 of 20 anomalies 19 of them in spite of binary fractions.
        first = np.argmax(tp >= tpr * tp[..., -1:] - 1e-9, axis=-1)
        return np.take_along_axis(fp, first[..., None], axis=-1)[..., 0] / fp[..., -1]

    low, high = percentile_bootstrap(labels, scores, statistic)
    value = float(statistic(*cumulative(labels, scores)))
    return {"value": value, "low": low, "high": high, "chance": float(tpr), "better": "lower"}


def roc_curve(labels, scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ROC curve at every threshold that gives different decisions.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `(fpr, tpr, thresholds)`, each of shape (k + 1,) for k distinct scores, from nothing flagged to
        everything. Row i belongs to flagging scores strictly above `thresholds[i]`; the last threshold is minus
        infinity.

    Raises:
        ValueError: As `auroc`.
    """
    labels, scores = checked(labels, scores, both="the ROC curve")
    fpr, tpr, reached = sklearn.metrics.roc_curve(labels, scores, drop_intermediate=False)
    # scikit-learn flags score >= threshold; strictly above the next lower score gives the same decisions.
    return fpr, tpr, np.append(reached[1:], -np.inf)


def pr_curve(labels, scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision and recall at every threshold that flags something.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `(recall, precision, thresholds)`, each of shape (k,) for k distinct scores, recall rising to 1. Row i
        belongs to flagging scores strictly above `thresholds[i]`; the last threshold is minus infinity.

    Raises:
        ValueError: As `auroc`.
    """
    labels, scores = checked(labels, scores, both="the precision-recall curve")
    tp, fp = cumulative(labels, scores)
    levels = np.unique(scores)[::-1]
    return tp / tp[-1], tp / (tp + fp), np.append(levels[1:], -np.inf)


def _average_precision(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Sum of precision times the increase in recall; a score that no resampled image has adds nothing."""
    precision = tp / np.maximum(tp + fp, 1)
    return (np.diff(tp, axis=-1, prepend=0.0) * precision).sum(axis=-1) / tp[..., -1]
