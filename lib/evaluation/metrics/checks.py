"""Checks of labels and scores: finite scores, one label each, both classes where a metric needs them."""

import numpy as np

Metric = dict[str, float | str | None]


def finite(values, what: str) -> np.ndarray:
    """Return values as a flat float array; raise ValueError if one is not a finite number."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"{what}: shape {values.shape} is not one-dimensional")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"{what}: {wrong.size} of {values.size} are NaN or infinite, the first at index {wrong[0]}")
    return values


def checked(labels, scores, both: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as booleans and scores as floats.

    Args:
        labels: Zeros and ones, shape (n,).
        scores: Finite numbers, shape (n,).
        both: The metric that needs both classes, for the message; None if one class is enough.

    Returns:
        Labels, boolean, true for an anomaly, and scores, both of shape (n,).

    Raises:
        ValueError: Lengths differ, there are no images, a label is neither 0 nor 1, a score is not finite, or
            a class is missing that the metric needs.
    """
    labels, scores = np.asarray(labels), finite(scores, "scores")
    if labels.shape != scores.shape:
        raise ValueError(f"labels of shape {labels.shape} for scores of shape {scores.shape}; give one label per score")
    if not labels.size:
        raise ValueError("labels and scores are empty; there is nothing to evaluate")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels: found values other than 0 (normal) and 1 (anomaly)")
    labels = labels.astype(bool)
    if both and labels.all():
        raise ValueError(f"labels: {both} needs normal images as well, but all {labels.size} are anomalies")
    if both and not labels.any():
        raise ValueError(f"labels: {both} needs anomalies as well, but all {labels.size} images are normal")
    return labels, scores


def checked_prevalence(prevalence: float) -> float:
    """Return the prevalence as a float; raise ValueError unless it is strictly between 0 and 1."""
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: {prevalence:g} is not strictly between 0 and 1")
    return float(prevalence)
