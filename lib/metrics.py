"""Every figure that judges anomaly scores, beside its interval, its chance value and its trivial value.

Label 1 is an anomaly, 0 is normal; a higher score is more abnormal; flagged means strictly above the
threshold. A metric is a dict with `value`; `low` and `high` (95 % interval), `chance` (what a scorer that
knows nothing reaches) and `trivial` (what flagging every image reaches) stand beside it where they exist. A
value that does not exist, such as recall without anomalies, is None and never NaN, so every result is plain
JSON.

Intervals:

* Areas under the ROC curve: DeLong's variance [1], in the fast form of Sun and Xu [2], on the logit scale, so
  that the interval stays inside 0 to 1. Where that variance is zero or undefined (perfect separation,
  constant scores, a class of one) Newcombe's score interval [3] takes its place.
* Average precision and FPR at a TPR: percentile bootstrap, normals and anomalies resampled apart, fixed seed.
* Values at a threshold: the same two-sample resampling, which at a fixed threshold only concerns two rates.
  They are drawn from their Jeffreys posteriors instead of binomials, so that 0 of n and n of n keep a width.

[1] DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837-845. [2] IEEE Signal Processing Letters 21 (2014)
1389-1393. [3] Statistics in Medicine 25 (2006) 559-573, method 5.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import sklearn.metrics

from lib.thresholds import decide

RATES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc")
COUNTS = ("tp", "fp", "tn", "fn")

_LEVEL = 0.95
_Z = NormalDist().inv_cdf(0.5 + _LEVEL / 2)
_TAILS = (50 * (1 - _LEVEL), 50 * (1 + _LEVEL))  # percentiles
_RESAMPLES = 1000
_DRAWS = 10_000
_SEED = 555

Metric = dict[str, float | None]


# ---------------------------------------------------------------- decisions at a threshold


def at_threshold(labels, scores, threshold: float) -> dict[str, Metric | int]:
    """Judge the decisions that one threshold makes.

    Conventions are scikit-learn's with `zero_division=0`: precision is 0 when nothing is flagged, MCC is 0
    when all decisions are alike. What has no meaning for a single class (recall without anomalies; balanced
    accuracy and MCC without both classes; F1 with neither an anomaly nor a flag) is None.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,).
        scores: Anomaly scores, shape (n,).
        threshold: A score strictly above it is flagged.

    Returns:
        `accuracy`, `balanced_accuracy`, `precision`, `recall`, `f1` and `mcc`, each
        `{"value", "low", "high", "trivial"}` where `trivial` is the value of flagging everything at this
        prevalence, and the counts `tp`, `fp`, `tn`, `fn` as plain integers.

    Raises:
        ValueError: Lengths differ, there are no images, a label is neither 0 nor 1, or a score is not finite.
    """
    labels, scores = _checked(labels, scores)
    flagged = decide(scores, threshold)
    tp, fp = int((flagged & labels).sum()), int((flagged & ~labels).sum())
    anomalies, normals = int(labels.sum()), int((~labels).sum())
    counts = {"tp": tp, "fp": fp, "tn": normals - fp, "fn": anomalies - tp}

    values = rates(**counts)
    trivial = rates(tp=anomalies, fp=normals, tn=0, fn=0)
    spread = _rate_intervals(**counts)
    result: dict[str, Metric | int] = {}
    for name in RATES:
        low, high = spread[name]
        result[name] = {"value": values[name], "low": low, "high": high, "trivial": trivial[name]}
    return result | counts


def rates(tp: int, fp: int, tn: int, fn: int) -> dict[str, float | None]:
    """Turn the four counts of a confusion matrix into rates.

    Args:
        tp: Anomalies that were flagged.
        fp: Normal images that were flagged (false alarms).
        tn: Normal images that passed.
        fn: Anomalies that passed (misses).

    Returns:
        `accuracy`, `balanced_accuracy`, `precision`, `recall`, `f1`, `mcc`; None where a rate has no meaning
        (see `at_threshold`).
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
    }


def sweep(labels, scores, thresholds: Sequence[float]) -> list[dict]:
    """Judge several thresholds, in the order given: one `at_threshold` result each."""
    return [at_threshold(labels, scores, threshold) for threshold in thresholds]


def error_rates(labels, scores, thresholds) -> tuple[np.ndarray, np.ndarray]:
    """Measure both kinds of error over many thresholds at once, for curves.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        thresholds: Shape (k,), in any order.

    Returns:
        `(miss_rate, false_alarm_rate)`, each of shape (k,): the share of anomalies that pass and the share of
        normal images that are flagged.

    Raises:
        ValueError: As `auroc`.
    """
    labels, scores = _checked(labels, scores, both="error rates")
    thresholds = np.asarray(thresholds, dtype=float)
    missed = np.searchsorted(np.sort(scores[labels]), thresholds, side="right") / labels.sum()
    passed = np.searchsorted(np.sort(scores[~labels]), thresholds, side="right") / (~labels).sum()
    return missed, 1.0 - passed


def relative_cost(miss_rate, false_alarm_rate, prevalence: float, ratio: float) -> np.ndarray:
    """Weigh misses against false alarms, as a share of what deciding without looking would cost.

    The expected cost per image, divided by the cheaper of flagging everything and flagging nothing (the
    normalised expected cost of Drummond and Holte, Machine Learning 65 (2006) 95-130, for one prevalence).
    Below 1 the detector pays; at 1 or above, one may as well not look.

    Args:
        miss_rate: Share of anomalies that pass, any shape.
        false_alarm_rate: Share of normal images that are flagged, same shape.
        prevalence: Share of anomalies among the images, strictly between 0 and 1.
        ratio: What a miss costs, in false alarms; more than 0.

    Returns:
        The relative cost, same shape.

    Raises:
        ValueError: The prevalence or the ratio is out of range.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: {prevalence:g} is not strictly between 0 and 1; costs need both kinds of image")
    if not ratio > 0 or math.isinf(ratio):
        raise ValueError(f"cost ratio: {ratio:g} is not a positive number; say what a miss costs in false alarms")
    misses = ratio * prevalence * np.asarray(miss_rate, dtype=float)
    alarms = (1 - prevalence) * np.asarray(false_alarm_rate, dtype=float)
    return (misses + alarms) / min(ratio * prevalence, 1 - prevalence)


# ---------------------------------------------------------------- the ranking as a whole


def auroc(labels, scores) -> Metric:
    """Measure the area under the ROC curve: how often an anomaly outscores a normal image, ties half.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.5}` with the 95 % DeLong interval.

    Raises:
        ValueError: Lengths differ, only one class occurs, a label is neither 0 nor 1, or a score is not
            finite.
    """
    labels, scores = _checked(labels, scores, both="AUROC")
    value, low, high = _superiority(scores[labels], scores[~labels])
    return {"value": value, "low": low, "high": high, "chance": 0.5}


def auroc_difference(labels, scores, others) -> Metric:
    """Compare two detectors on the same images: AUROC of `scores` minus AUROC of `others`.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); at least two of each.
        scores: Scores of the first detector, shape (n,).
        others: Scores of the second detector for the same images in the same order, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.0}`; the interval is DeLong's for correlated curves.

    Raises:
        ValueError: As `auroc`, or a class has fewer than two images.
    """
    labels, scores = _checked(labels, scores, both="AUROC")
    _, others = _checked(labels, others)
    if min(labels.sum(), (~labels).sum()) < 2:
        raise ValueError("labels: comparing two AUROCs needs at least two normal images and two anomalies")
    above, below = zip(*(_placements(s[labels], s[~labels]) for s in (scores, others)), strict=True)
    value = float(above[0].mean() - above[1].mean())
    variance = sum(np.var(part[0] - part[1], ddof=1) / part[0].size for part in (above, below))
    half = _Z * math.sqrt(variance)
    return {"value": value, "low": max(value - half, -1.0), "high": min(value + half, 1.0), "chance": 0.0}


def aupr(labels, scores, positive: str = "anomaly") -> Metric:
    """Measure average precision, the step-wise area under the precision-recall curve.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        positive: `"anomaly"` asks for precision among what is flagged, `"normal"` among what passes (the
            scores are then read downwards).

    Returns:
        `{"value", "low", "high", "chance"}`; chance is the share of the positive class, and the interval a
        stratified percentile bootstrap with a fixed seed.

    Raises:
        ValueError: As `auroc`, or `positive` is another word.
    """
    labels, scores = _checked(labels, scores, both="AUPR")
    if positive not in ("anomaly", "normal"):
        raise ValueError(f"positive: {positive!r} is neither 'anomaly' nor 'normal'")
    if positive == "normal":
        labels, scores = ~labels, -scores
    low, high = _bootstrap(labels, scores, _average_precision)
    value = _average_precision(*_cumulative(labels, scores))
    return {"value": value, "low": low, "high": high, "chance": float(labels.mean())}


def fpr_at_tpr(labels, scores, tpr: float = 0.95) -> Metric:
    """Measure the price of catching most anomalies: the least FPR among thresholds that reach a TPR.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        tpr: The share of anomalies to catch, above 0 and at most 1.

    Returns:
        `{"value", "low", "high", "chance": tpr}`; interval as for `aupr`.

    Raises:
        ValueError: As `auroc`, or `tpr` is out of range.
    """
    labels, scores = _checked(labels, scores, both="FPR at a TPR")
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr: {tpr:g} is not above 0 and at most 1")

    def statistic(tp: np.ndarray, fp: np.ndarray) -> float:
        # A hair of tolerance: 0.95 of 20 anomalies is 19 of them, whatever binary fractions say.
        return float(fp[np.argmax(tp >= tpr * tp[-1] - 1e-9)] / fp[-1])

    low, high = _bootstrap(labels, scores, statistic)
    return {"value": statistic(*_cumulative(labels, scores)), "low": low, "high": high, "chance": float(tpr)}


def roc_curve(labels, scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trace the ROC curve over every threshold that decides differently.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `(fpr, tpr, thresholds)`, each of shape (k + 1,) for k distinct scores, from nothing flagged to
        everything. Row i is what flagging scores strictly above `thresholds[i]` does; the last threshold is
        minus infinity.

    Raises:
        ValueError: As `auroc`.
    """
    labels, scores = _checked(labels, scores, both="the ROC curve")
    fpr, tpr, reached = sklearn.metrics.roc_curve(labels, scores, drop_intermediate=False)
    # scikit-learn flags score >= threshold; strictly above the next lower score is the same decision.
    return fpr, tpr, np.append(reached[1:], -np.inf)


def pr_curve(labels, scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trace precision against recall over every threshold that flags something.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        `(recall, precision, thresholds)`, each of shape (k,) for k distinct scores, recall rising to 1. Row i
        is what flagging scores strictly above `thresholds[i]` does; the last threshold is minus infinity.

    Raises:
        ValueError: As `auroc`.
    """
    labels, scores = _checked(labels, scores, both="the precision-recall curve")
    tp, fp = _cumulative(labels, scores)
    levels = np.unique(scores)[::-1]
    return tp / tp[-1], tp / (tp + fp), np.append(levels[1:], -np.inf)


# ---------------------------------------------------------------- two groups of values


def shift(a, b) -> Metric:
    """Tell how far one group of values lies above another.

    Args:
        a: Values of the group in question, shape (m,), for example the brightness of the missed anomalies.
        b: Values of the group to compare with, shape (n,).

    Returns:
        `{"value", "low", "high", "chance": 0.5, "difference"}`. The value is the probability that a random
        value of `a` exceeds a random value of `b`, ties counting half (the common-language effect size, which
        is the Mann-Whitney U over m·n), with the 95 % DeLong interval; `difference` is mean(a) - mean(b).

    Raises:
        ValueError: A group is empty or holds a value that is not finite.
    """
    a, b = _finite(a, "first group"), _finite(b, "second group")
    if not a.size or not b.size:
        raise ValueError(f"groups of {a.size} and {b.size} values: a shift needs at least one value in each")
    value, low, high = _superiority(a, b)
    return {"value": value, "low": low, "high": high, "chance": 0.5, "difference": float(a.mean() - b.mean())}


def lowest(scores, n: int) -> np.ndarray:
    """Pick the indices of the n lowest scores, lowest first; of equal scores the earlier index comes first.

    Fewer than n scores give all of them. Raises ValueError for a score that is not finite.
    """
    return np.argsort(_finite(scores, "scores"), kind="stable")[:n]


def highest(scores, n: int) -> np.ndarray:
    """Pick the indices of the n highest scores, highest first; of equal scores the earlier index comes first.

    Fewer than n scores give all of them. Raises ValueError for a score that is not finite.
    """
    return np.argsort(-_finite(scores, "scores"), kind="stable")[:n]


# ---------------------------------------------------------------- how it is worked out


def _finite(values, what: str) -> np.ndarray:
    """Return values as a flat float array, or say which one is not a finite number."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"{what}: shape {values.shape} is not a plain list of numbers")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"{what}: {wrong.size} of {values.size} are NaN or infinite, the first at index {wrong[0]}")
    return values


def _checked(labels, scores, both: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as booleans and scores as floats, or say in one line what is wrong with them.

    Args:
        labels: What should be zeros and ones, shape (n,).
        scores: What should be finite numbers, shape (n,).
        both: The name of a metric that needs both classes, for the message.
    """
    labels, scores = np.asarray(labels), _finite(scores, "scores")
    if labels.shape != scores.shape:
        raise ValueError(f"labels of shape {labels.shape} for scores of shape {scores.shape}; give one label per score")
    if not labels.size:
        raise ValueError("labels and scores are empty; there is nothing to judge")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels: found values other than 0 (normal) and 1 (anomaly)")
    labels = labels.astype(bool)
    if both and labels.all():
        raise ValueError(f"labels: {both} needs normal images as well, but all {labels.size} are anomalies")
    if both and not labels.any():
        raise ValueError(f"labels: {both} needs anomalies as well, but all {labels.size} images are normal")
    return labels, scores


def _rate_intervals(tp: int, fp: int, tn: int, fn: int) -> dict[str, tuple[float | None, float | None]]:
    """Spread of every rate when recall and FPR vary as their Jeffreys posteriors and the prevalence stays."""
    anomalies, normals = tp + fn, tn + fp
    rng = np.random.default_rng(_SEED)
    drawn_tp = anomalies * rng.beta(tp + 0.5, fn + 0.5, _DRAWS)
    drawn_fp = normals * rng.beta(fp + 0.5, tn + 0.5, _DRAWS)
    drawn_fn, drawn_tn = anomalies - drawn_tp, normals - drawn_fp
    # Draws lie strictly inside 0 to 1, so no margin is ever zero where a rate has a meaning.
    with np.errstate(invalid="ignore", divide="ignore"):
        margins = (drawn_tp + drawn_fp) * (drawn_fn + drawn_tn) * anomalies * normals
        draws = {
            "accuracy": (drawn_tp + drawn_tn) / (anomalies + normals),
            "balanced_accuracy": (drawn_tp / anomalies + drawn_tn / normals) / 2 if anomalies and normals else None,
            "precision": drawn_tp / (drawn_tp + drawn_fp),
            "recall": drawn_tp / anomalies if anomalies else None,
            "f1": 2 * drawn_tp / (2 * drawn_tp + drawn_fp + drawn_fn),
            "mcc": (drawn_tp * drawn_tn - drawn_fp * drawn_fn) / np.sqrt(margins),
        }
    intervals = {}
    for name, value in rates(tp, fp, tn, fn).items():
        if value is None:
            intervals[name] = (None, None)
            continue
        low, high = np.percentile(draws[name], _TAILS)
        # At 0 of n and n of n the quantiles stop short of the value that was seen.
        intervals[name] = (min(float(low), value), max(float(high), value))
    return intervals


def _midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _placements(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's components: for each a the share of b below it, for each b the share of a above it."""
    pooled = _midranks(np.concatenate([a, b]))
    above = (pooled[: a.size] - _midranks(a)) / b.size
    below = 1 - (pooled[a.size :] - _midranks(b)) / a.size
    return above, below


def _superiority(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """P(a > b) + P(a = b) / 2 with its 95 % interval."""
    above, below = _placements(a, b)
    value = float(np.clip(above.mean(), 0.0, 1.0))
    variance = 0.0
    if min(a.size, b.size) > 1:
        variance = above.var(ddof=1) / a.size + below.var(ddof=1) / b.size
    # Rounding leaves 1e-33 where every component is equal; pairs cannot differ by that little.
    if variance < 1e-20 or value in (0.0, 1.0):
        return value, *_newcombe(value, a.size, b.size)
    centre = math.log(value / (1 - value))
    half = _Z * math.sqrt(variance) / (value * (1 - value))
    return value, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """Newcombe's method 5: the areas that would not be surprised by the one that was seen."""
    size = (m + n) / 2 - 1

    def surprised(area: float) -> bool:
        variance = area * (1 - area) * (1 + size * ((1 - area) / (2 - area) + area / (1 + area))) / (m * n)
        return abs(area - value) > _Z * math.sqrt(variance)

    def bound(end: float) -> float:
        inside, outside = value, end
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if surprised(middle) else (middle, outside)
        return inside

    return bound(0.0), bound(1.0)


def _cumulative(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Anomalies and normals flagged after each distinct score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    weights = np.ones(labels.size) if weights is None else weights[order]
    ends = np.append(np.flatnonzero(np.diff(scores[order])), labels.size - 1)
    return np.cumsum(weights * labels[order])[ends], np.cumsum(weights * ~labels[order])[ends]


def _average_precision(tp: np.ndarray, fp: np.ndarray) -> float:
    """Sum of precision times the gain in recall; a score that no resampled image has adds nothing."""
    flagged = tp + fp
    precision = np.divide(tp, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return float(np.sum(np.diff(tp, prepend=0.0) * precision) / tp[-1])


def _bootstrap(
    labels: np.ndarray, scores: np.ndarray, statistic: Callable[[np.ndarray, np.ndarray], float]
) -> tuple[float, float]:
    """95 % percentile interval of a statistic of the cumulative counts, each class resampled by itself."""
    rng = np.random.default_rng(_SEED)
    order = np.argsort(-scores, kind="stable")  # sorted once; resampling only changes the weights
    labels, scores = labels[order], scores[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), labels.size - 1)
    groups = np.flatnonzero(labels), np.flatnonzero(~labels)

    def resampled(members: np.ndarray) -> np.ndarray:
        drawn = members[rng.integers(members.size, size=members.size)]
        return np.cumsum(np.bincount(drawn, minlength=labels.size))[ends].astype(float)

    values = [statistic(*map(resampled, groups)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(values, _TAILS)
    return float(low), float(high)
