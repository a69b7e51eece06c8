"""Comparison of a metric with decisions and scores that do not depend on the image."""

from typing import Literal

from lib.evaluation.metrics.checks import Metric

Verdict = Literal["better", "no better", "worse"]

_EQUAL = 1e-9  # smaller differences are rounding


def best_trivial(metric: Metric) -> tuple[float, str]:
    """Return the best value that can be reached without looking at the images, and how it is reached.

    For decisions this is flagging everything or flagging nothing, whichever is better at this prevalence (for
    accuracy: flagging nothing once anomalies are the minority); for a ranking it is chance.

    Args:
        metric: A metric with `trivial`, with or without `nothing`, or with `chance`.

    Returns:
        The value, and `"flagging everything"`, `"flagging nothing"` or `"chance"`.

    Raises:
        ValueError: The metric has nothing to compare with.
    """
    options = [("trivial", "flagging everything"), ("nothing", "flagging nothing")]
    if metric.get("trivial") is None:
        options = [("chance", "chance")]
    known = [(metric[key], words) for key, words in options if metric.get(key) is not None]
    if not known:
        raise ValueError("metric: has neither a trivial nor a chance value to compare with")
    best = known[0]
    for option in known[1:]:  # a tie goes to flagging everything
        if _sign(metric) * (option[0] - best[0]) > _EQUAL:
            best = option
    return best


def better_than_trivial(metric: Metric) -> Verdict:
    """Compare a metric's interval with the best value that needs no image (see `best_trivial`).

    Recall alone and FPR alone depend only on where the threshold is set: flagging everything has the highest recall
    and the highest FPR. Their verdicts say no more than that.

    Args:
        metric: A metric with `value`, `low` and `high`, and a value to compare with. Without an interval its value
            decides. `better` may be `"lower"`.

    Returns:
        `"better"` or `"worse"` if the whole interval is on one side, `"no better"` if it contains the trivial value
        or the metric has no value.

    Raises:
        ValueError: The metric has a value and nothing to compare it with.
    """
    if metric.get("value") is None:
        return "no better"
    trivial, _ = best_trivial(metric)
    interval = metric.get("low"), metric.get("high")
    bounds = (metric["value"],) * 2 if None in interval else interval
    low, high = sorted(_sign(metric) * (bound - trivial) for bound in bounds)
    if low > _EQUAL:
        return "better"
    return "worse" if high < -_EQUAL else "no better"


def _sign(metric: Metric) -> int:
    return -1 if metric.get("better") == "lower" else 1
