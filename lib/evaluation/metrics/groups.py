"""Metrics of groups of images: classes of anomalies, and the difference between two groups of values."""

import numpy as np
import pandas

from lib.evaluation.metrics.checks import Metric, checked, finite
from lib.evaluation.metrics.intervals import clopper_pearson, superiority
from lib.evaluation.thresholds import decide


def by_class(labels, scores, classes, threshold: float) -> pandas.DataFrame:
    """Evaluate the detector on each class of anomalies.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,).
        scores: Anomaly scores, shape (n,).
        classes: The class name of each image, shape (n,); those of normal images are not used.
        threshold: A score strictly above it is flagged.

    Returns:
        One row per class of anomalies, hardest first (lowest recall, then lowest AUROC, then by name): `class`, `n`
        images, `caught` of them, `recall`, `recall_low`, `recall_high` (Clopper and Pearson), `auroc`, `auroc_low`,
        `auroc_high` of the class against all normal images (DeLong; NaN without normal images), `mean_score` and
        `median_score`.
        Intervals hold for a class picked in advance, not for the one that comes first: among many small classes some
        are hardest by chance.

    Raises:
        ValueError: As `lib.evaluation.metrics.at_threshold`, or there is not one class name per score.
    """
    labels, scores = checked(labels, scores)
    classes = np.asarray(classes)
    if classes.shape != scores.shape:
        raise ValueError(f"classes of shape {classes.shape} for scores of shape {scores.shape}; give one per score")
    normals, values = scores[~labels], scores[labels]
    names, members = np.unique(classes[labels].astype(str), return_inverse=True)
    n = np.bincount(members, minlength=names.size)
    caught = np.bincount(members[decide(values, threshold)], minlength=names.size)
    low, high = clopper_pearson(caught, n)
    groups = [values[members == index] for index in range(names.size)]
    none = (np.nan, np.nan, np.nan)
    areas = np.array([superiority(group, normals) if normals.size else none for group in groups]).reshape(-1, 3)
    frame = pandas.DataFrame(
        {
            "class": names.astype(object),
            "n": n,
            "caught": caught,
            "recall": caught / n,
            "recall_low": low,
            "recall_high": high,
            "auroc": areas[:, 0],
            "auroc_low": areas[:, 1],
            "auroc_high": areas[:, 2],
            "mean_score": [float(group.mean()) for group in groups],
            "median_score": [float(np.median(group)) for group in groups],
        }
    )
    return frame.sort_values(["recall", "auroc", "class"], ignore_index=True)


def shift(a, b) -> Metric:
    """Return the probability that a value of one group is higher than a value of another.

    Args:
        a: Values of the first group, shape (m,), for example the brightness of the missed anomalies.
        b: Values of the group to compare with, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.5, "difference"}`. The value is the probability that a random
        value of `a` is higher than a random value of `b`, ties counting half (the common-language effect size, which
        is the Mann-Whitney U divided by m·n), with the 95 % DeLong interval; `difference` is mean(a) - mean(b).

    Raises:
        ValueError: A group is empty or holds a value that is not finite.
    """
    a, b = finite(a, "first group"), finite(b, "second group")
    if not a.size or not b.size:
        raise ValueError(f"groups of {a.size} and {b.size} values: a shift needs at least one value in each")
    value, low, high = superiority(a, b)
    return {"value": value, "low": low, "high": high, "chance": 0.5, "difference": float(a.mean() - b.mean())}
