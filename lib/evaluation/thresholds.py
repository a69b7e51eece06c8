"""Threshold rules, and the one function that compares scores with a threshold.

An image is flagged as an anomaly if its score is strictly above the threshold; an equal score is not flagged. All
decisions use `decide`.

No rule uses a test image. `fixed` uses no image, `target_fpr` the scores of the calibration set, and `max_f1`, `youden`
and `min_cost` the scores and labels of the validation set. The last three choose among all decisions that the
validation set distinguishes, including flagging everything and flagging nothing. Their threshold is midway between two
neighbouring scores, or half a gap beyond the lowest or highest score, and always finite. Of equally good thresholds the
highest is used, which flags the fewest images.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import betaincinv

from lib.core.errors import UserError, did_you_mean
from lib.core.formatting import count

RULES = ("fixed", "target_fpr", "max_f1", "youden", "min_cost")

_EQUAL = 1e-12  # smaller differences of rates are rounding


def decide(scores, threshold: float) -> np.ndarray:
    """Flag the scores that are strictly above the threshold.

    Args:
        scores: Anomaly scores, shape (n,), higher is more abnormal.
        threshold: A score equal to it is not flagged.

    Returns:
        Boolean array, shape (n,): true where the image is flagged as an anomaly.

    Raises:
        ValueError: A score or the threshold is NaN; a comparison with NaN would count the image as normal.
    """
    scores = np.asarray(scores, dtype=float)
    missing = np.flatnonzero(np.isnan(scores))
    if missing.size:
        raise ValueError(
            f"scores: {missing.size} of {scores.size} are NaN, the first at index {missing[0]}; check the detector"
        )
    if math.isnan(threshold):
        raise ValueError("threshold: is NaN; give a number")
    return scores > threshold


# ---------------------------------------------------------------- one rule by name


@dataclass(frozen=True)
class Threshold:
    """A threshold and how it was set.

    Attributes:
        value: The threshold, finite; scores strictly above it are flagged.
        rule: One of `RULES`.
        saw: The images that the rule used, as words behind "from": `80 calibration images`.
    """

    value: float
    rule: str
    saw: str


def choose(
    rule: str,
    *,
    threshold: float | None = None,
    alpha: float | None = None,
    cost_miss: float | None = None,
    cost_false_alarm: float | None = None,
    prevalence: float | None = None,
    calibration=None,
    validation: tuple | None = None,
) -> Threshold:
    """Set a threshold by the name of a rule; the rule gets only the images that it may use.

    Args:
        rule: One of `RULES`.
        threshold: The value for `fixed`.
        alpha: The false positive rate that `target_fpr` aims at (`target_fpr` in a parameter set).
        cost_miss: Cost of a missed anomaly, for `min_cost`.
        cost_false_alarm: Cost of a false alarm, for `min_cost`.
        prevalence: Expected share of anomalies in use, for `min_cost`.
        calibration: Scores of the calibration set, shape (n,); None if there is none.
        validation: `(labels, scores)` of the validation set; None if there is none.

    Returns:
        The threshold, its rule, and the images that the rule used.

    Raises:
        UserError: There is no such rule, the set that it needs is missing, or the set is too small.
        ValueError: A number that the rule needs was not given, or is out of range.
    """
    if rule not in RULES:
        raise UserError(f"threshold_rule: no such rule '{rule}'{did_you_mean(rule, list(RULES))}; {', '.join(RULES)}")
    if rule == "fixed":
        return Threshold(fixed(_given(threshold, "threshold")), rule, "no images")
    if rule == "target_fpr":
        if calibration is None or not len(calibration):
            raise UserError(
                "threshold_rule: target_fpr needs a calibration set; set protocol: holdout and a calibration_share"
            )
        value = target_fpr(calibration, _given(alpha, "alpha"))
        return Threshold(value, rule, count(len(calibration), "calibration image"))

    labels, scores = validation if validation is not None else ((), ())
    labels = np.asarray(labels)
    anomalies = int(np.count_nonzero(labels))
    if not anomalies:
        raise UserError(f"threshold_rule: {rule} needs a labelled validation set; set validation_share")
    if anomalies == labels.size:
        raise UserError(f"threshold_rule: {rule} needs normal images in the validation set; set calibration_share")
    normals = count(labels.size - anomalies, "normal image")
    saw = f"{normals} and {count(anomalies, 'anomaly', 'anomalies')} of the validation set"
    if rule == "max_f1":
        share = f"{100 * anomalies / labels.size:.1f} % anomalies"  # F1 depends on it
        return Threshold(max_f1(labels, scores), rule, f"{saw} ({share})")
    if rule == "youden":
        return Threshold(youden(labels, scores), rule, saw)
    costs = (_given(cost_miss, "cost_miss"), _given(cost_false_alarm, "cost_false_alarm"))
    prevalence = _given(prevalence, "prevalence")
    return Threshold(min_cost(labels, scores, *costs, prevalence), rule, saw)


# ---------------------------------------------------------------- the rules


def fixed(value: float) -> float:
    """Return the given value as the threshold: the rule of the published study.

    Args:
        value: The threshold, a finite number that is not negative (reconstruction errors never are).

    Returns:
        The same value as a float.

    Raises:
        ValueError: The value is negative, infinite or NaN.
    """
    value = float(value)
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"threshold: {value:g} is not a finite number of at least 0; reconstruction errors are never less"
        )
    return value


def target_fpr(calibration_scores, alpha: float) -> float:
    """Set the threshold by split conformal prediction: the expected false positive rate is at most alpha.

    The threshold is the calibration score of rank ⌈(n + 1)(1 − α)⌉. A new normal image that is exchangeable with the n
    calibration images is flagged with a probability of at most α, for any detector and any distribution of scores; ties
    lower it. The bound holds for the mean over calibration sets; the rate for one of them varies, see `realised_fpr`.

    The idea is Papadopoulos, Proedrou, Vovk and Gammerman's (ECML 2002, 345-356), its theory Vovk, Gammerman
    and Shafer's (Algorithmic Learning in a Random World, 2005), the split form as here Lei et al.'s (Journal of
    the American Statistical Association 113 (2018) 1094-1111).

    Args:
        calibration_scores: Scores of normal images that the detector was not fitted on, shape (n,).
        alpha: The target false positive rate, strictly between 0 and 1.

    Returns:
        The threshold, one of the scores.

    Raises:
        UserError: n is too small for alpha; the message says how many images are needed.
        ValueError: alpha is out of range, or a score is not finite.
    """
    scores = np.sort(_finite(calibration_scores))
    rank = _rank(scores.size, alpha)
    if rank > scores.size:
        raise UserError(
            f"target_fpr: {alpha:g} needs at least {images_needed(alpha):,} calibration images and there are "
            f"{scores.size:,}; raise calibration_share or target_fpr"
        )
    return float(scores[rank - 1])


def images_needed(alpha: float) -> int:
    """Return the least number of calibration images with which `target_fpr` can promise a rate of alpha."""
    return math.ceil(1 / _decimal(alpha)) - 1


def realised_fpr(n: int, alpha: float, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean and the range of the false positive rate of a `target_fpr` threshold over calibration sets.

    Without ties the rate is distributed as Beta(n + 1 − k, k), where k is the rank of the threshold: it is the share of
    the unit interval above the k-th of n uniform values.

    Args:
        n: Calibration images.
        alpha: The target false positive rate.
        level: Share of the distribution within the range, with equal tails.

    Returns:
        `(mean, low, high)`; the mean is at most alpha.

    Raises:
        ValueError: n is too small for alpha, or alpha or the level is out of range.
    """
    rank = _rank(n, alpha)
    if rank > n:
        raise ValueError(f"n: {n} calibration images do not support a target_fpr of {alpha:g}")
    if not 0 < level < 1:
        raise ValueError(f"level: {level:g} is not strictly between 0 and 1")
    low, high = betaincinv(n + 1 - rank, rank, [(1 - level) / 2, (1 + level) / 2])
    return (n + 1 - rank) / (n + 1), float(low), float(high)


def max_f1(labels, scores) -> float:
    """Return the threshold with the highest F1 on the validation set.

    F1 depends on the share of anomalies, so at another share another threshold may be better. Constant scores give a
    threshold below them, since flagging everything has the higher F1.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).

    Returns:
        The threshold.

    Raises:
        ValueError: Lengths differ, only one class occurs, a label is neither 0 nor 1, or a score is not
            finite.
    """
    return _best(labels, scores, lambda miss, alarm, m, n: 2 * m * (1 - miss) / (2 * m - m * miss + n * alarm))


def youden(labels, scores) -> float:
    """Return the threshold with the highest J = TPR − FPR (Youden, Cancer 3 (1950) 32-35).

    J does not depend on the share of anomalies. If no threshold is better than chance (J > 0),
    the threshold is above all scores and flags nothing.

    Args, returns and errors are those of `max_f1`.
    """
    return _best(labels, scores, lambda miss, alarm, m, n: 1 - miss - alarm)


def min_cost(labels, scores, cost_miss: float, cost_false_alarm: float, prevalence: float) -> float:
    """Return the threshold with the lowest expected cost per image at a stated prevalence.

    The cost is cost_miss · prevalence · P(miss) + cost_false_alarm · (1 − prevalence) · P(false alarm). Both rates are
    measured on the validation set; its own share of anomalies does not matter.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        cost_miss: Cost of a missed anomaly, at least 0.
        cost_false_alarm: Cost of a false alarm in the same unit, at least 0; at most one of them is 0.
        prevalence: Share of anomalies in use, strictly between 0 and 1.

    Returns:
        The threshold.

    Raises:
        ValueError: As `max_f1`, or a cost or the prevalence is out of range.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: {prevalence:g} is not strictly between 0 and 1")
    costs = (cost_miss, cost_false_alarm)
    if not all(math.isfinite(cost) and cost >= 0 for cost in costs) or not any(costs):
        raise ValueError(f"costs: {cost_miss:g} and {cost_false_alarm:g} must be finite, not negative, and not both 0")
    misses, alarms = cost_miss * prevalence, cost_false_alarm * (1 - prevalence)
    total = misses + alarms  # makes _EQUAL independent of the unit of cost
    return _best(labels, scores, lambda miss, alarm, m, n: -(misses * miss + alarms * alarm) / total)


# ---------------------------------------------------------------- helpers


def _best(labels, scores, gain: Callable) -> float:
    """The highest threshold with the greatest gain(miss rate, false alarm rate, anomalies, normals)."""
    labels, scores = np.asarray(labels), _finite(scores)
    if labels.shape != scores.shape:
        raise ValueError(f"labels of shape {labels.shape} for scores of shape {scores.shape}; give one label per score")
    if not np.isin(labels, (0, 1)).all() or not 0 < np.count_nonzero(labels) < labels.size:
        raise ValueError("labels: a rule that learns from labels needs both 0 (normal) and 1 (anomaly), nothing else")
    labels = labels.astype(bool)
    levels = np.unique(scores)
    groups = np.sort(scores[labels]), np.sort(scores[~labels])
    # Decision j leaves the j lowest distinct scores unflagged.
    passed = [np.append(0, np.searchsorted(group, levels, side="right")) / group.size for group in groups]
    gains = gain(passed[0], 1 - passed[1], groups[0].size, groups[1].size)
    return _between(levels, int(np.flatnonzero(gains >= gains.max() - _EQUAL)[-1]))


def _between(levels: np.ndarray, passed: int) -> float:
    """A finite threshold that leaves the `passed` lowest of the sorted distinct scores unflagged, and no other."""
    lowest, highest = float(levels[0]), float(levels[-1])
    if passed == 0:
        gap = float(levels[1]) - lowest if levels.size > 1 else abs(lowest) or 1.0
        # If all scores are positive (errors, distances), the threshold is not negative either.
        below = max(lowest - gap, 0.0) if lowest > 0 else lowest - gap
        below = max(below, -sys.float_info.max)
        return min(_midway(below, lowest), math.nextafter(lowest, -math.inf))
    if passed == levels.size:
        gap = highest - float(levels[-2]) if levels.size > 1 else abs(highest) or 1.0
        return _midway(highest, highest + gap)
    return _midway(float(levels[passed - 1]), float(levels[passed]))


def _midway(low: float, high: float) -> float:
    """Midpoint of two numbers; the lower of them if there is no float in between."""
    middle = low / 2 + high / 2
    return middle if low <= middle < high else low


def _rank(n: int, alpha: float) -> int:
    """⌈(n + 1)(1 − α)⌉, with alpha as a decimal number."""
    if not 0 < alpha < 1:
        raise ValueError(f"target_fpr: {alpha:g} is not strictly between 0 and 1")
    return math.ceil((n + 1) * (1 - _decimal(alpha)))


def _decimal(alpha: float) -> Fraction:
    """The decimal number that a float is printed as, so that 20 × 0.05 is 1."""
    return Fraction(repr(float(alpha)))


def _finite(scores) -> np.ndarray:
    """Scores as a flat float array; ValueError if one is not finite."""
    scores = np.asarray(scores, dtype=float)
    wrong = np.flatnonzero(~np.isfinite(scores.ravel()))
    if scores.ndim != 1 or wrong.size:
        fault = f"{wrong.size} of {scores.size} are NaN or infinite" if wrong.size else f"shape {scores.shape}"
        raise ValueError(f"scores: {fault}; a threshold needs a one-dimensional array of finite numbers")
    return scores


def _given(value: float | None, name: str) -> float:
    """A number that a rule needs; ValueError if it is None."""
    if value is None:
        raise ValueError(f"{name}: the rule needs this number")
    return value
