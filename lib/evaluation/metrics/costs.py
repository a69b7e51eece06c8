"""Cost and workload of a detector in use, at the prevalence that the reader expects."""

import math

import numpy as np
import pandas

from lib.evaluation.metrics.checks import Metric, checked_prevalence
from lib.evaluation.metrics.decisions import error_rates
from lib.evaluation.thresholds import min_cost


def relative_cost(miss_rate, false_alarm_rate, prevalence: float, ratio: float) -> np.ndarray:
    """Return the expected cost per image, relative to deciding without looking.

    The expected cost is divided by the cheaper of flagging everything and flagging nothing (the normalised expected
    cost of Drummond and Holte, Machine Learning 65 (2006) 95-130, at one prevalence). Below 1 the detector saves
    cost; at 1 or above it does not.

    Args:
        miss_rate: Share of anomalies that are not flagged, any shape.
        false_alarm_rate: Share of normal images that are flagged, same shape.
        prevalence: Share of anomalies among the images, strictly between 0 and 1.
        ratio: Cost of a missed anomaly over the cost of a false alarm, more than 0.

    Returns:
        The relative cost, same shape.

    Raises:
        ValueError: The prevalence or the ratio is out of range.
    """
    prevalence = checked_prevalence(prevalence)
    if not ratio > 0 or math.isinf(ratio):
        raise ValueError(f"cost ratio: {ratio:g} is not a positive number; give cost of a miss / cost of a false alarm")
    misses = ratio * prevalence * np.asarray(miss_rate, dtype=float)
    alarms = (1 - prevalence) * np.asarray(false_alarm_rate, dtype=float)
    return (misses + alarms) / min(ratio * prevalence, 1 - prevalence)


def cheapest(labels, scores, prevalence: float, ratio: float) -> tuple[float, float]:
    """Return the threshold with the lowest expected cost on some images, and its relative cost there.

    Args:
        labels: 1 for an anomaly, 0 for a normal image, shape (n,); both must occur.
        scores: Anomaly scores, shape (n,).
        prevalence: Share of anomalies among the images in use, strictly between 0 and 1.
        ratio: Cost of a missed anomaly over the cost of a false alarm, more than 0.

    Returns:
        The threshold, as `lib.evaluation.thresholds.min_cost` sets it, and its `relative_cost`.

    Raises:
        ValueError: As `lib.evaluation.thresholds.min_cost`.
    """
    threshold = min_cost(labels, scores, ratio, 1.0, prevalence)
    misses, alarms = error_rates(labels, scores, [threshold])
    return threshold, float(relative_cost(misses, alarms, prevalence, ratio)[0])


def precision_in_use(recall: Metric, fpr: Metric, prevalence: float) -> Metric:
    """Return the share of anomalies among the flagged images at a stated prevalence, with its interval.

    The interval takes the bounds of recall and of the false positive rate that are worst together, and those that are
    best together. Each of these may fail by itself, so of two 95 % intervals the level is at least 90 %.

    Args:
        recall: With `value`, `low` and `high`.
        fpr: The same of the false positive rate.
        prevalence: Share of anomalies among the images in use, strictly between 0 and 1.

    Returns:
        `value`, `low` and `high`; None where no image is flagged, or where a rate is unknown.

    Raises:
        ValueError: The prevalence is out of range.
    """
    prevalence = checked_prevalence(prevalence)

    def share(caught: float | None, flagged: float | None) -> float | None:
        if caught is None or flagged is None:
            return None
        anomalies, alarms = prevalence * caught, (1 - prevalence) * flagged
        return anomalies / (anomalies + alarms) if anomalies + alarms else None

    return {
        "value": share(recall["value"], fpr["value"]),
        "low": share(recall["low"], fpr["high"]),
        "high": share(recall["high"], fpr["low"]),
    }


def operations(miss_rate, false_alarm_rate, prevalence: float, per: int = 1000, thresholds=None) -> pandas.DataFrame:
    """Return the expected counts of decisions among a number of images at a stated prevalence.

    Both error rates come from the test set; its own share of anomalies does not matter.

    Args:
        miss_rate: Share of anomalies that are not flagged, shape (k,) or one number, from `error_rates`.
        false_alarm_rate: Share of normal images that are flagged, same shape.
        prevalence: Share of anomalies among the images in use, strictly between 0 and 1.
        per: The number of images.
        thresholds: The k thresholds, same order; they become the first column, `threshold`.

    Returns:
        One row per threshold, all floats: expected counts per `per` images of `reviewed` (flagged images), `caught`
        (flagged anomalies), `missed` (anomalies that are not flagged) and `false_alarms` (flagged normal images); and
        `false_alarm_share`, the share of false alarms among the flagged images, NaN if none is flagged.

    Raises:
        ValueError: Lengths differ, a rate is not within 0 to 1, the prevalence is out of range, or `per` is not
            positive.
    """
    prevalence = checked_prevalence(prevalence)
    miss, alarm = (np.atleast_1d(np.asarray(rate, dtype=float)) for rate in (miss_rate, false_alarm_rate))
    if miss.shape != alarm.shape or miss.ndim != 1 or (thresholds is not None and len(thresholds) != miss.size):
        raise ValueError(f"operations: rates of shapes {miss.shape} and {alarm.shape}; give one of each per threshold")
    if not ((miss >= 0) & (miss <= 1) & (alarm >= 0) & (alarm <= 1)).all():
        raise ValueError("operations: a rate is not within 0 to 1")
    if not per > 0:
        raise ValueError(f"per: {per:g} is not a positive number of images")
    caught, alarms = per * prevalence * (1 - miss), per * (1 - prevalence) * alarm
    reviewed = caught + alarms
    columns = {
        "reviewed": reviewed,
        "caught": caught,
        "missed": per * prevalence * miss,
        "false_alarms": alarms,
        "false_alarm_share": np.divide(alarms, reviewed, out=np.full(miss.size, np.nan), where=reviewed > 0),
    }
    first = {} if thresholds is None else {"threshold": np.asarray(thresholds, dtype=float)}
    return pandas.DataFrame(first | columns)
