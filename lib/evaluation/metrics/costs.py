"""What using a detector costs: both kinds of error at the prevalence that a reader expects."""

import math

import numpy as np
import pandas

from lib.evaluation.metrics.checks import within


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
    prevalence = within(prevalence)
    if not ratio > 0 or math.isinf(ratio):
        raise ValueError(f"cost ratio: {ratio:g} is not a positive number; say what a miss costs in false alarms")
    misses = ratio * prevalence * np.asarray(miss_rate, dtype=float)
    alarms = (1 - prevalence) * np.asarray(false_alarm_rate, dtype=float)
    return (misses + alarms) / min(ratio * prevalence, 1 - prevalence)


def operations(miss_rate, false_alarm_rate, prevalence: float, per: int = 1000, thresholds=None) -> pandas.DataFrame:
    """Tell what so many images mean for those who look at what is flagged, at a stated prevalence.

    Both error rates are taken from the test images, whose own share of anomalies does not matter.

    Args:
        miss_rate: Share of anomalies that pass, shape (k,) or one number, from `error_rates`.
        false_alarm_rate: Share of normal images that are flagged, same shape.
        prevalence: Share of anomalies among the images in use, strictly between 0 and 1.
        per: How many images the counts are for.
        thresholds: The k thresholds, same order; they become the first column, `threshold`.

    Returns:
        One row a threshold, all floats: `reviewed` (images flagged), `caught` (anomalies among them), `missed`
        (anomalies that pass), `in_vain` (normal images flagged), expected counts per `per` images; and
        `vain_share`, the share of reviews that are in vain, NaN where nothing is reviewed.

    Raises:
        ValueError: Lengths differ, a rate is not within 0 to 1, the prevalence is out of range, or `per` is not
            positive.
    """
    prevalence = within(prevalence)
    miss, alarm = (np.atleast_1d(np.asarray(rate, dtype=float)) for rate in (miss_rate, false_alarm_rate))
    if miss.shape != alarm.shape or miss.ndim != 1 or (thresholds is not None and len(thresholds) != miss.size):
        raise ValueError(f"operations: rates of shapes {miss.shape} and {alarm.shape}; give one of each per threshold")
    if not ((miss >= 0) & (miss <= 1) & (alarm >= 0) & (alarm <= 1)).all():
        raise ValueError("operations: a rate is not within 0 to 1")
    if not per > 0:
        raise ValueError(f"per: {per:g} is not a positive number of images")
    caught, in_vain = per * prevalence * (1 - miss), per * (1 - prevalence) * alarm
    reviewed = caught + in_vain
    columns = {
        "reviewed": reviewed,
        "caught": caught,
        "missed": per * prevalence * miss,
        "in_vain": in_vain,
        "vain_share": np.divide(in_vain, reviewed, out=np.full(miss.size, np.nan), where=reviewed > 0),
    }
    first = {} if thresholds is None else {"threshold": np.asarray(thresholds, dtype=float)}
    return pandas.DataFrame(first | columns)
