"""The 95 % interval of each kind of metric.

* A single rate (recall, FPR): Clopper and Pearson's exact interval [1], whose coverage is at least its level.
* Areas under the ROC curve: DeLong's variance [2], in the fast form of Sun and Xu [3], on the logit scale, which keeps
  the interval within 0 to 1. If that variance is zero or undefined (perfect separation, constant scores, a class of
  one image), Newcombe's score interval [4] is used. The difference of two areas on the same images: DeLong's variance
  for correlated curves.
* Average precision: bootstrap, normal images and anomalies resampled separately, fixed seed. Average precision is
  biased upwards in small samples and resampling adds the same bias again, so percentiles of the resampled values would
  be too high. Their standard deviation on the logit scale, around the logit of the measured value, has better
  coverage. If the resampled values do not vary (perfect or constant scores), the interval is the value alone.
* FPR at a TPR: percentiles of the same bootstrap.
* Values at a threshold that mix both classes (accuracy, balanced accuracy, precision, F1, MCC): at a fixed threshold
  they depend on recall and FPR alone. Both are drawn from their Jeffreys posteriors instead of binomials, so that the
  interval keeps a width at 0 of n and n of n.

The two classes are never pooled: every interval is for new images with the same proportion of anomalies, scored by the
same fitted detector at the same threshold.

[1] Biometrika 26 (1934) 404-413. [2] DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837-845. [3] IEEE
Signal Processing Letters 21 (2014) 1389-1393. [4] Statistics in Medicine 25 (2006) 559-573, method 5.
"""

import functools
import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from scipy.special import betaincinv
from scipy.stats import rankdata

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of the counts of `cumulative`, along the last axis

_TAILS = (50 * (1 - LEVEL), 50 * (1 + LEVEL))  # percentiles
_RESAMPLES = 1000
_DRAWS = 10_000
_SEED = 555
_BLOCK = 2**16  # images drawn at once: a few arrays of 0.5 MB
_KEPT = 10_000_000  # images drawn in all, up to which the draws are kept for the next detector: 20 MB


# ---------------------------------------------------------------- a single rate


def clopper_pearson(k, n, level: float = LEVEL):
    """Return the exact interval of a rate, given k of n.

    It covers the true rate with at least the level's probability, for any rate and n (Clopper and Pearson, Biometrika
    26 (1934) 404-413).

    Args:
        k: Count of successes, 0 to n; a number or an array.
        n: Count of trials, at least 1; a number or an array of the same shape.
        level: The interval's level, strictly between 0 and 1.

    Returns:
        `(low, high)`: two floats, or two arrays of the common shape.

    Raises:
        ValueError: n is less than 1, k is not within 0 to n, or the level is out of range.
    """
    k, n = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if not 0 < level < 1:
        raise ValueError(f"level: {level:g} is not strictly between 0 and 1")
    if not ((n >= 1) & (k >= 0) & (k <= n)).all():
        raise ValueError("clopper_pearson: needs n of at least 1 and k from 0 to n")
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, tail))
    high = np.where(k == n, 1.0, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail))
    return (float(low), float(high)) if low.ndim == 0 else (low, high)


# ---------------------------------------------------------------- rates that mix both classes


def of_mixed_rates(
    rates: Callable[..., dict], tp: int, fp: int, tn: int, fn: int
) -> dict[str, tuple[float | None, float | None]]:
    """Return the intervals of the rates that mix both classes; recall and FPR vary, the prevalence is fixed.

    Args:
        rates: Function of the four counts that returns values by name; a value of None has no interval.
        tp: Anomalies that are flagged.
        fp: Normal images that are flagged.
        tn: Normal images that are not flagged.
        fn: Anomalies that are not flagged.

    Returns:
        `(low, high)` by name, both None where the value is.
    """
    anomalies, normals = tp + fn, tn + fp
    rng = np.random.default_rng(_SEED)
    drawn_tp = anomalies * rng.beta(tp + 0.5, fn + 0.5, _DRAWS)
    drawn_fp = normals * rng.beta(fp + 0.5, tn + 0.5, _DRAWS)
    drawn_fn, drawn_tn = anomalies - drawn_tp, normals - drawn_fp
    # Draws lie strictly within 0 to 1, so no denominator is zero where a rate has a meaning.
    with np.errstate(invalid="ignore", divide="ignore"):
        margins = (drawn_tp + drawn_fp) * (drawn_fn + drawn_tn) * anomalies * normals
        draws = {
            "accuracy": (drawn_tp + drawn_tn) / (anomalies + normals),
            "balanced_accuracy": (drawn_tp / anomalies + drawn_tn / normals) / 2 if anomalies and normals else None,
            "precision": drawn_tp / (drawn_tp + drawn_fp),
            "f1": 2 * drawn_tp / (2 * drawn_tp + drawn_fp + drawn_fn),
            "mcc": (drawn_tp * drawn_tn - drawn_fp * drawn_fn) / np.sqrt(margins),
        }
    intervals = {}
    for name, value in rates(tp, fp, tn, fn).items():
        if name not in draws:
            continue
        if value is None:
            intervals[name] = (None, None)
            continue
        low, high = np.percentile(draws[name], _TAILS)
        # At 0 of n and n of n the quantiles do not reach the measured value.
        intervals[name] = (min(float(low), value), max(float(high), value))
    return intervals


# ---------------------------------------------------------------- areas under the ROC curve


def placements(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's components: for each a the share of b below it, for each b the share of a above it; ties count half."""
    pooled = rankdata(np.concatenate([a, b]))
    above = (pooled[: a.size] - rankdata(a)) / b.size
    below = 1 - (pooled[a.size :] - rankdata(b)) / a.size
    return above, below


def superiority(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """P(a > b) + P(a = b) / 2 with its 95 % interval."""
    above, below = placements(a, b)
    value = float(np.clip(above.mean(), 0.0, 1.0))
    variance = 0.0
    if min(a.size, b.size) > 1:
        variance = above.var(ddof=1) / a.size + below.var(ddof=1) / b.size
    # Rounding leaves 1e-33 where all components are equal; a true variance cannot be that small.
    if variance < 1e-20 or value in (0.0, 1.0):
        return value, *_newcombe(value, a.size, b.size)
    centre = math.log(value / (1 - value))
    half = Z * math.sqrt(variance) / (value * (1 - value))
    return value, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """Newcombe's method 5: the areas whose 95 % range of estimates contains the measured one."""
    size = (m + n) / 2 - 1

    def rejected(area: float) -> bool:
        variance = area * (1 - area) * (1 + size * ((1 - area) / (2 - area) + area / (1 + area))) / (m * n)
        return abs(area - value) > Z * math.sqrt(variance)

    def bound(limit: float) -> float:
        inside, outside = value, limit
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if rejected(middle) else (middle, outside)
        return inside

    return bound(0.0), bound(1.0)


# ---------------------------------------------------------------- bootstrap


def cumulative(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of flagged anomalies and normal images at each distinct score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), labels.size - 1)  # image of each distinct score
    flagged = labels[order]
    return np.cumsum(flagged, dtype=float)[last], np.cumsum(~flagged, dtype=float)[last]


def percentile_bootstrap(labels: np.ndarray, scores: np.ndarray, statistic: Statistic) -> tuple[float, float]:
    """Return the 95 % interval of a statistic: percentiles of its resampled values."""
    low, high = np.percentile(_resample(labels, scores, statistic), _TAILS)
    return float(low), float(high)


def logit_bootstrap(labels: np.ndarray, scores: np.ndarray, statistic: Statistic, value: float) -> tuple[float, float]:
    """Return the 95 % interval of a share: its value plus and minus the bootstrap standard error on the logit scale."""
    values = _resample(labels, scores, statistic)
    if not 0 < value < 1 or np.ptp(values) < 1e-12:
        return value, value
    edge = min(0.5 / labels.sum(), value, 1 - value)  # a resampled value may be 0 or 1, whose logit is infinite
    values = np.clip(values, edge, 1 - edge)
    centre, half = math.log(value / (1 - value)), Z * float(np.std(np.log(values / (1 - values)), ddof=1))
    return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def _resample(labels: np.ndarray, scores: np.ndarray, statistic: Statistic) -> np.ndarray:
    """A statistic of the cumulative counts, each class resampled separately, shape (1000,)."""
    tp, fp = cumulative(labels, scores)
    needed = np.diff(tp, prepend=0) > 0  # at other scores recall does not change, with any weights
    needed[-1] = True
    ranks = [counts[needed].astype(int) for counts in (tp, fp)]
    # Images differ in their weights alone, so the draws are the same for all detectors.
    draws = _kept_draws if _RESAMPLES * labels.size <= _KEPT else _draws
    values = []
    for both in draws(int(tp[-1]), int(fp[-1])):
        counts = (np.take(flagged, rank, axis=1).astype(float) for flagged, rank in zip(both, ranks, strict=True))
        values.append(statistic(*counts))
    return np.concatenate(values)


def _draws(*sizes: int) -> Iterator[list[np.ndarray]]:
    """Blocks of resamples: for each class, how often its first k images were drawn, shape (block, size + 1)."""
    rng = np.random.default_rng(_SEED)
    block, dtype = max(_BLOCK // sum(sizes), 1), np.min_scalar_type(max(sizes))
    for start in range(0, _RESAMPLES, block):
        resamples = min(block, _RESAMPLES - start)
        flagged = [np.zeros((resamples, size + 1), dtype) for size in sizes]
        for row in range(resamples):
            for counts, size in zip(flagged, sizes, strict=True):
                counts[row, 1:] = np.bincount(rng.integers(size, size=size), minlength=size)
        yield [np.cumsum(counts, axis=1, dtype=dtype) for counts in flagged]


@functools.lru_cache(maxsize=2)
def _kept_draws(*sizes: int) -> list[list[np.ndarray]]:
    return list(_draws(*sizes))
