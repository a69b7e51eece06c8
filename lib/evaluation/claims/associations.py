"""How attributes go with the score itself, within the normal images and within the anomalies.

Within, because across both an attribute goes with the score wherever it goes with the label. What moves the score of
normal images and of anomalies alike says how hard a picture is to judge, not how abnormal it is.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
import pandas

from lib.data.attributes import DESCRIPTIONS

_Z = NormalDist().inv_cdf(0.975)
_COLUMNS = ("group", "attribute", "n", "value", "low", "high")


def associations(measured: pandas.DataFrame, scores, group_indices: Mapping[str, Sequence[int]]) -> pandas.DataFrame:
    """Correlate every attribute with the score, group by group.

    The interval is Fisher's, with the variance that Bonett and Wright give for Spearman's coefficient (Psychometrika
    65 (2000) 23-28): (1 + ρ²/2) / (n - 3) on the scale of artanh ρ.

    Args:
        measured: Attributes of all images, as `lib.data.attributes.measure` gives them; rows by position.
        scores: Anomaly scores of all images, same order.
        group_indices: Positions of each group's images by its name, such as `{"normal images": ..., "anomalies": ...}`.

    Returns:
        One row per group and attribute, largest size first: `group`, `attribute` (the column's name), `n` images,
        Spearman's coefficient as `value`, and its 95 % interval, `low` to `high`. Left out are groups of fewer than
        five images and whatever is the same on all images of a group.

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


def associations_frame(found: pandas.DataFrame, top: int | None = None) -> pandas.DataFrame:
    """Lay associations out for a page: attributes as rows, groups as columns.

    Args:
        found: What `associations` returns.
        top: Keep only so many attributes, those with the largest size in any group.

    Returns:
        Column `Attribute` and one column per group, `0.62 [0.57, 0.66]`; None where a group has no value.
    """
    names = list(dict.fromkeys(found["attribute"]))[:top]
    cells = {
        (row.group, row.attribute): f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]".replace("-", "−")
        for row in found.itertuples()
    }
    columns = {"Attribute": [DESCRIPTIONS.get(name, name) for name in names]}
    for group in sorted(set(found["group"]), key=lambda group: -found.loc[found["group"] == group, "n"].iloc[0]):
        columns[group[:1].upper() + group[1:]] = [cells.get((group, name)) for name in names]
    return pandas.DataFrame({name: pandas.Series(values, dtype=object) for name, values in columns.items()})


def _spearman(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Spearman's coefficient, ties sharing the mean of their ranks, and its 95 % interval."""
    ranks = (pandas.Series(values).rank().to_numpy() for values in (a, b))
    value = float(np.clip(np.corrcoef(*ranks)[0, 1], -1.0, 1.0))
    n = len(a)
    # At ±1 the scale has no end; half of the smallest step away from it stands in for that.
    inside = math.copysign(min(abs(value), 1 - 6 / (n * (n**2 - 1))), value)
    half = _Z * math.sqrt((1 + inside**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    return value, min(low, value), max(high, value)
