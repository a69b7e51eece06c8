"""The one place that says whether a figure is better than knowing nothing."""

from typing import Literal

from lib.evaluation.metrics.checks import Metric

Verdict = Literal["better", "no better", "worse"]

_EQUAL = 1e-9  # what only rounding tells apart


def against(metric: Metric) -> tuple[float, str]:
    """Say what a metric has to beat, and in which words: the best that can be had without looking.

    For decisions that is flagging everything or flagging nothing, whichever is better at this prevalence (for
    accuracy the latter, once anomalies are in the minority); for a ranking it is chance.

    Args:
        metric: A metric with `trivial`, with or without `nothing`, or with `chance`.

    Returns:
        The value, and `"flagging everything"`, `"flagging nothing"` or `"chance"`.

    Raises:
        ValueError: The metric has nothing to compare with.
    """
    rivals = [("trivial", "flagging everything"), ("nothing", "flagging nothing")]
    if metric.get("trivial") is None:
        rivals = [("chance", "chance")]
    known = [(metric[key], words) for key, words in rivals if metric.get(key) is not None]
    if not known:
        raise ValueError("metric: has neither a trivial nor a chance value to compare with")
    best = known[0]
    for rival in known[1:]:  # only what is really better takes the place of flagging everything
        if _sign(metric) * (rival[0] - best[0]) > _EQUAL:
            best = rival
    return best


def better_than_trivial(metric: Metric) -> Verdict:
    """Judge a metric by its interval against the best that can be had without looking (see `against`).

    Recall alone and FPR alone are wholly in the hand of whoever sets the threshold: flagging everything has the
    best recall there is and the worst FPR. Their verdicts say only that.

    Args:
        metric: A metric with `value`, `low` and `high`, and what to compare with; without an interval its value
            decides, and `better` may be `"lower"`.

    Returns:
        `"better"` or `"worse"` where the whole interval lies on one side, `"no better"` where it holds the
        trivial value, or where the metric has no value.

    Raises:
        ValueError: The metric has a value and nothing to compare it with.
    """
    if metric.get("value") is None:
        return "no better"
    rival, _ = against(metric)
    interval = metric.get("low"), metric.get("high")
    ends = (metric["value"],) * 2 if None in interval else interval
    low, high = sorted(_sign(metric) * (end - rival) for end in ends)
    if low > _EQUAL:
        return "better"
    return "worse" if high < -_EQUAL else "no better"


def _sign(metric: Metric) -> int:
    return -1 if metric.get("better") == "lower" else 1
