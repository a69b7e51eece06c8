"""Rules that turn what a rule may see into a threshold, and the one decision that a threshold makes.

An image is flagged as an anomaly when its score lies strictly above the threshold; a score equal to the
threshold passes. Every room that decides, counts or draws decisions goes through
`decide`.

No rule sees a test image. `fixed` sees none at all, `target_fpr` the scores of the calibration normals, and
`max_f1`, `youden` and `min_cost` the scores and labels of a validation part. The last three choose among all
decisions that the validation part can tell apart, flagging everything and flagging nothing among them. Their
threshold lies midway between two neighbouring scores, beyond the outermost ones by half the gap next to them,
and is always finite. Of equally good thresholds the highest is taken, which flags the fewest images.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import betaincinv

from lib.core.errors import UserError, did_you_mean

RULES = ("fixed", "target_fpr", "max_f1", "youden", "min_cost")

_EQUAL = 1e-12  # differences of rates that are only rounding


def decide(scores, threshold: float) -> np.ndarray:
    """Flag the scores that lie strictly above the threshold.

    Args:
        scores: Anomaly scores, shape (n,), higher is more abnormal.
        threshold: The line; a score equal to it is not flagged.

    Returns:
        Boolean array, shape (n,): true where the image is judged an anomaly.

    Raises:
        ValueError: A score or the threshold is NaN, since a comparison with NaN would silently pass it as
            normal.
    """
    scores = np.asarray(scores, dtype=float)
    missing = np.flatnonzero(np.isnan(scores))
    if missing.size:
        raise ValueError(
            f"scores: {missing.size} of {scores.size} are NaN, the first at index {missing[0]}; "
            "a missing score cannot be judged, check the detector"
        )
    if math.isnan(threshold):
        raise ValueError("threshold: is NaN; give a number")
    return scores > threshold


# ---------------------------------------------------------------- one rule by name


@dataclass(frozen=True)
class Threshold:
    """A threshold, and how it came about.

    Attributes:
        value: The line, finite; scores strictly above it are flagged.
        rule: One of `RULES`.
        saw: What the rule was shown, in words that follow "it saw": `80 calibration normals`.
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
    """Choose a threshold by a rule's name, showing the rule only what it may see.

    Args:
        rule: One of `RULES`.
        threshold: The value that `fixed` takes.
        alpha: The share of normal images that `target_fpr` may flag (`target_fpr` in a parameter set).
        cost_miss: What `min_cost` charges for a missed anomaly.
        cost_false_alarm: What it charges for a flagged normal image.
        prevalence: The share of anomalies among the images that it expects.
        calibration: Scores of the calibration normals, shape (n,); None where there is no such part.
        validation: `(labels, scores)` of the labelled validation part; None where there is none.

    Returns:
        The threshold, its rule, and what the rule was shown.

    Raises:
        UserError: No such rule; the part that it needs is not there; or the rule itself refuses.
        ValueError: A number that the rule needs was not given, or is out of range.
    """
    if rule not in RULES:
        raise UserError(f"threshold_rule: no such rule '{rule}'{did_you_mean(rule, list(RULES))}; {', '.join(RULES)}")
    if rule == "fixed":
        return Threshold(fixed(_given(threshold, "threshold")), rule, "no image: its value was given")
    if rule == "target_fpr":
        if calibration is None or not len(calibration):
            raise UserError(
                "threshold_rule: target_fpr needs calibration normals; set protocol: holdout and a calibration_share"
            )
        value = target_fpr(calibration, _given(alpha, "alpha"))
        return Threshold(value, rule, f"{len(calibration):,} calibration normals")

    labels, scores = validation if validation is not None else ((), ())
    labels = np.asarray(labels)
    anomalies = int(np.count_nonzero(labels))
    if not anomalies:
        raise UserError(f"threshold_rule: {rule} needs labelled validation images; set validation_share")
    if anomalies == labels.size:
        raise UserError(f"threshold_rule: {rule} needs calibration normals in validation; set calibration_share")
    saw = f"{labels.size - anomalies:,} normal images and {anomalies:,} anomalies of the validation part, with labels"
    if rule == "max_f1":
        share = anomalies / labels.size
        return Threshold(max_f1(labels, scores), rule, f"{saw}; F1 is that at its {100 * share:.1f} % anomalies")
    if rule == "youden":
        return Threshold(youden(labels, scores), rule, saw)
    costs = (_given(cost_miss, "cost_miss"), _given(cost_false_alarm, "cost_false_alarm"))
    prevalence = _given(prevalence, "prevalence")
    value = min_cost(labels, scores, *costs, prevalence)
    return Threshold(value, rule, f"{saw}; errors are weighed at a prevalence of {100 * prevalence:g} %")


# ---------------------------------------------------------------- the rules


def fixed(value: float) -> float:
    """Take the threshold as given: the rule of the published study.

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
    """Set the threshold by split conformal prediction, so that at most a share alpha of normals is flagged.

    The threshold is the calibration score of rank ⌈(n + 1)(1 − α)⌉. A new normal image that is exchangeable
    with the n calibration normals is then flagged with a probability of at most α, whatever the detector and
    the distribution of its scores; ties only make it less. The promise is for the mean over calibration parts:
    the rate behind one such part scatters, see `realised_fpr`.

    The idea is Papadopoulos, Proedrou, Vovk and Gammerman's (ECML 2002, 345-356), its theory Vovk, Gammerman
    and Shafer's (Algorithmic Learning in a Random World, 2005), the split form as here Lei et al.'s (Journal of
    the American Statistical Association 113 (2018) 1094-1111).

    Args:
        calibration_scores: Scores of normal images that the detector was not fitted on, shape (n,).
        alpha: The tolerated false positive rate, strictly between 0 and 1.

    Returns:
        The threshold, one of the scores.

    Raises:
        UserError: n images cannot support so small an alpha; the message says how many can.
        ValueError: alpha is out of range, or a score is not finite.
    """
    scores = np.sort(_finite(calibration_scores))
    rank = _rank(scores.size, alpha)
    if rank > scores.size:
        needed = math.ceil(1 / _exact(alpha)) - 1
        raise UserError(
            f"target_fpr: {alpha:g} needs at least {needed:,} calibration normals and there are {scores.size:,}; "
            "raise calibration_share or target_fpr"
        )
    return float(scores[rank - 1])


def realised_fpr(n: int, alpha: float, level: float = 0.95) -> tuple[float, float, float]:
    """Tell how the false positive rate of a `target_fpr` threshold scatters from calibration part to part.

    Without ties the rate is distributed as Beta(n + 1 − k, k), k being the rank of the threshold, since it is
    the share of a uniform sample's range above its k-th value.

    Args:
        n: Calibration normals.
        alpha: The tolerated false positive rate.
        level: How much of the distribution the range holds, half of the rest on either side.

    Returns:
        `(mean, low, high)`; the mean is at most alpha.

    Raises:
        ValueError: n is too small for alpha, or alpha or the level is out of range.
    """
    rank = _rank(n, alpha)
    if rank > n:
        raise ValueError(f"n: {n} calibration normals do not support a target_fpr of {alpha:g}")
    if not 0 < level < 1:
        raise ValueError(f"level: {level:g} is not strictly between 0 and 1")
    low, high = betaincinv(n + 1 - rank, rank, [(1 - level) / 2, (1 + level) / 2])
    return (n + 1 - rank) / (n + 1), float(low), float(high)


def max_f1(labels, scores) -> float:
    """Choose the threshold with the highest F1 on a labelled validation part.

    F1 depends on the share of anomalies: this is F1 at the validation part's, and elsewhere another threshold
    may be better. Constant scores give a threshold below them, since flagging everything has the higher F1.

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
    """Choose the threshold with the highest J = TPR − FPR (Youden, Cancer 3 (1950) 32-35).

    J does not depend on the share of anomalies. Scores that never separate better than chance (J = 0
    everywhere, or less) give a threshold above them all: flag nothing.

    Args, returns and errors are those of `max_f1`.
    """
    return _best(labels, scores, lambda miss, alarm, m, n: 1 - miss - alarm)


def min_cost(labels, scores, cost_miss: float, cost_false_alarm: float, prevalence: float) -> float:
    """Choose the threshold with the least expected cost per image at a stated prevalence.

    The cost is cost_miss · prevalence · P(miss) + cost_false_alarm · (1 − prevalence) · P(false alarm), with
    both rates measured on the validation part, whose own share of anomalies does not matter.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        cost_miss: What a missed anomaly costs, at least 0.
        cost_false_alarm: What a flagged normal image costs, at least 0, in the same unit; not both are 0.
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
    whole = misses + alarms  # so that equal costs are recognised whatever the unit
    return _best(labels, scores, lambda miss, alarm, m, n: -(misses * miss + alarms * alarm) / whole)


# ---------------------------------------------------------------- how it is worked out


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
    # Decision j passes the j lowest of the distinct scores.
    passed = [np.append(0, np.searchsorted(group, levels, side="right")) / group.size for group in groups]
    gains = gain(passed[0], 1 - passed[1], groups[0].size, groups[1].size)
    return _line(levels, int(np.flatnonzero(gains >= gains.max() - _EQUAL)[-1]))


def _line(levels: np.ndarray, passed: int) -> float:
    """A finite threshold that just the `passed` lowest of the rising distinct scores do not exceed."""
    lowest, highest = float(levels[0]), float(levels[-1])
    if passed == 0:
        gap = float(levels[1]) - lowest if levels.size > 1 else abs(lowest) or 1.0
        # Scores that are all positive are errors or distances, and so is the threshold.
        below = max(lowest - gap, 0.0) if lowest > 0 else lowest - gap
        below = max(below, -sys.float_info.max)
        return min(_midway(below, lowest), math.nextafter(lowest, -math.inf))
    if passed == levels.size:
        gap = highest - float(levels[-2]) if levels.size > 1 else abs(highest) or 1.0
        return _midway(highest, highest + gap)
    return _midway(float(levels[passed - 1]), float(levels[passed]))


def _midway(low: float, high: float) -> float:
    """Midpoint of two numbers; the lower where nothing lies between them that a float can be."""
    middle = low / 2 + high / 2
    return middle if low <= middle < high else low


def _rank(n: int, alpha: float) -> int:
    """⌈(n + 1)(1 − α)⌉, with alpha as the decimal number that a person wrote."""
    if not 0 < alpha < 1:
        raise ValueError(f"target_fpr: {alpha:g} is not strictly between 0 and 1")
    return math.ceil((n + 1) * (1 - _exact(alpha)))


def _exact(alpha: float) -> Fraction:
    """The decimal number that a float is written as, so that 20 × 0.05 is 1 and not a hair more."""
    return Fraction(repr(float(alpha)))


def _finite(scores) -> np.ndarray:
    """Scores as a flat float array, or one line on what is wrong with them."""
    scores = np.asarray(scores, dtype=float)
    wrong = np.flatnonzero(~np.isfinite(scores.ravel()))
    if scores.ndim != 1 or wrong.size:
        fault = f"{wrong.size} of {scores.size} are NaN or infinite" if wrong.size else f"shape {scores.shape}"
        raise ValueError(f"scores: {fault}; a threshold needs a plain list of finite numbers")
    return scores


def _given(value: float | None, name: str) -> float:
    """A number that a rule needs, or a line that says which."""
    if value is None:
        raise ValueError(f"{name}: this rule needs it; give a number")
    return value
