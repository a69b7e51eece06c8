"""Correlation of image attributes with the anomaly score, within the normal images and within the anomalies.

An attribute that differs between normal images and anomalies correlates with the score across both. Within each group
the correlation shows how far the score depends on the attribute itself.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
import pandas
from scipy import stats

_Z = NormalDist().inv_cdf(0.975)
_COLUMNS = ("group", "attribute", "n", "value", "low", "high")


def associations(measured: pandas.DataFrame, scores, group_indices: Mapping[str, Sequence[int]]) -> pandas.DataFrame:
    """Correlate every attribute with the score within each group.

    The interval is Fisher's, with Bonett and Wright's variance for Spearman's coefficient (Psychometrika 65 (2000)
    23-28): (1 + ρ²/2) / (n - 3) on the scale of artanh ρ.

    Args:
        measured: Attributes of all images, as `lib.data.attributes.measure` returns them; rows by position.
        scores: Anomaly scores of all images, same order.
        group_indices: Positions of each group's images by its name, such as `{"normal images": ..., "anomalies": ...}`.

    Returns:
        One row per group and attribute, strongest correlation first: `group`, `attribute` (the column's name), `n`
        images, Spearman's coefficient as `value`, and its 95 % interval, `low` to `high`. Groups of fewer than five
        images and attributes that are constant in a group are left out.

    Raises:
        ValueError: There is not one score per row, or one is not finite.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape != (len(measured),):
        raise ValueError(f"scores of shape {scores.shape} for {len(measured)} measured images; give one per image")
    rows = []
    for group, indices in group_indices.items():
        indices = np.asarray(indices, dtype=int)
        if not np.isfinite(scores[indices]).all():
            raise ValueError(f"scores of the {group}: some are NaN or infinite")
        if len(indices) < 5 or np.ptp(scores[indices]) == 0:
            continue
        for name in measured.columns:
            values = measured[name].to_numpy()[indices]
            if np.ptp(values) > 0:
                rows.append((group, name, len(indices), *_spearman(values, scores[indices])))
    frame = pandas.DataFrame(rows, columns=list(_COLUMNS))
    return frame.sort_values("value", key=lambda value: -value.abs(), kind="stable", ignore_index=True)


def _spearman(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Spearman's coefficient and its 95 % interval."""
    value = float(np.clip(stats.spearmanr(a, b).statistic, -1.0, 1.0))
    n = len(a)
    # artanh is infinite at ±1; half of the smallest possible step below 1 stands in for it.
    inside = math.copysign(min(abs(value), 1 - 6 / (n * (n**2 - 1))), value)
    half = _Z * math.sqrt((1 + inside**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return value, min(low, value), max(high, value)
