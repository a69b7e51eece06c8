"""A detector among images that are alike in something else, and by group."""

import numpy as np
import pandas

from lib.evaluation.metrics.checks import Metric, checked, finite
from lib.evaluation.metrics.intervals import clopper_pearson, superiority
from lib.evaluation.thresholds import decide

STRATA = 10
DRAWS = 200


def auroc_within(labels, scores, values, strata: int = STRATA, seed: int = 555) -> Metric:
    """Return the AUROC among pairs of an anomaly and a normal image that are alike in an attribute.

    Images are divided at the quantiles of the attribute. The AUROC of each part counts by its number of pairs. If the
    attribute explains the scores, nothing is left within the parts, and the value is near one half; if it explains
    none of them, it is near the AUROC of all pairs. This is the adjustment by strata of Janes and Pepe, Biometrika 96
    (2009) 371-382.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        values: The attribute, shape (n,).
        strata: Number of parts, at most.
        seed: Of the bootstrap.

    Returns:
        `{"value", "low", "high", "chance": 0.5, "pairs"}`: the interval is a percentile bootstrap over images, and
        `pairs` the share of all pairs that lie within a part. `value` is None where no part has both kinds.

    Raises:
        ValueError: As `lib.evaluation.metrics.auroc`, or a value is not finite.
    """
    labels, scores = checked(labels, scores, both="AUROC")
    values = finite(values, "attribute")
    part = np.searchsorted(np.unique(np.quantile(values, np.linspace(0, 1, strata + 1)[1:-1])), values, side="left")
    wins, pairs = _pairs(labels, scores, part)
    if not pairs:
        return {"value": None, "low": None, "high": None, "chance": 0.5, "pairs": 0.0}
    random, drawn = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        rows = np.concatenate(
            [random.choice(kind, len(kind)) for kind in (np.flatnonzero(labels), np.flatnonzero(~labels))]
        )
        won, of = _pairs(labels[rows], scores[rows], part[rows])
        drawn += [won / of] if of else []
    low, high = np.quantile(drawn, [0.025, 0.975])
    share = pairs / (labels.sum() * (~labels).sum())
    return {"value": wins / pairs, "low": float(low), "high": float(high), "chance": 0.5, "pairs": float(share)}


def _pairs(labels: np.ndarray, scores: np.ndarray, part: np.ndarray) -> tuple[float, int]:
    """How many pairs of an anomaly and a normal image of one part the anomaly wins, ties half, and of how many."""
    wins, pairs = 0.0, 0
    for number in np.unique(part):
        own, abnormal = scores[part == number], labels[part == number]
        anomalies, normal = own[abnormal], np.sort(own[~abnormal])
        below = np.searchsorted(normal, anomalies, side="left") + np.searchsorted(normal, anomalies, side="right")
        wins += below.sum() / 2
        pairs += len(anomalies) * len(normal)
    return wins, pairs


def by_group(labels, scores, groups, threshold: float) -> pandas.DataFrame:
    """Evaluate the detector on each group of images, such as a type of part.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,).
        scores: Anomaly scores, shape (n,).
        groups: The group of each image, shape (n,).
        threshold: A score strictly above it is flagged.

    Returns:
        One row a group, by name: `group`; `normal` images, `alarms` among them and the rate `fpr`; `anomalies`,
        `caught` of them and `recall`; the bounds `fpr_low`, `fpr_high`, `recall_low` and `recall_high` (Clopper and
        Pearson); and `auroc`, `auroc_low`, `auroc_high` within the group. A figure without images is NaN.

    Raises:
        ValueError: As `lib.evaluation.metrics.at_threshold`.
    """
    labels, scores = checked(labels, scores)
    flagged, rows = decide(scores, threshold), []
    groups = np.asarray(groups).astype(str)
    for name in np.unique(groups):
        own, row = groups == name, {"group": name}
        for kind, of, hits, rate in ((~labels, "normal", "alarms", "fpr"), (labels, "anomalies", "caught", "recall")):
            members, found = int((own & kind).sum()), int((own & kind & flagged).sum())
            low, high = clopper_pearson(found, members) if members else (np.nan, np.nan)
            share = found / members if members else np.nan
            row |= {of: members, hits: found, rate: share, f"{rate}_low": low, f"{rate}_high": high}
        both = row["normal"] and row["anomalies"]
        area = superiority(scores[own & labels], scores[own & ~labels]) if both else (np.nan,) * 3
        rows.append(row | dict(zip(("auroc", "auroc_low", "auroc_high"), area, strict=True)))
    return pandas.DataFrame(rows)
