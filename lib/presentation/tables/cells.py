"""Functions that turn metrics into cells, used by every table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas

from lib.presentation.tables.markdown import DECIMALS, number

LABELS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "fpr": "False positive rate",
    "f1": "F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "aupr": "AUPR",
    "aupr_normal": "AUPR, normal as positive",
    "fpr_at_95_tpr": "FPR at 95 % TPR",
    "tp": "True positives",
    "fp": "False positives",
    "tn": "True negatives",
    "fn": "False negatives",
}


UNCLEAR = "no clear difference"


def framed(
    columns: Mapping[str, Sequence], signed: Sequence[str] = (), decimals: Mapping[str, int] | None = None
) -> pandas.DataFrame:
    """Build a frame whose columns keep integers beside floats.

    Args:
        columns: Cells by column.
        signed: Columns whose numbers carry a sign.
        decimals: Decimals of columns whose floats do not have the usual number.

    Returns:
        The frame, with `signed` and `decimals` in its `attrs` for `to_markdown`.
    """
    frame = pandas.DataFrame({name: pandas.Series(list(values), dtype=object) for name, values in columns.items()})
    frame.attrs["signed"] = [name for name in signed if name in columns]
    frame.attrs["decimals"] = dict(decimals or {})
    return frame


def value_of(metric):
    """Return the value of a metric, or the number itself."""
    return metric.get("value") if isinstance(metric, Mapping) else metric


def part_of(metric, name: str):
    """Return another entry of a metric, or None."""
    return metric.get(name) if isinstance(metric, Mapping) else None


def interval_of(metric) -> str | None:
    """Return an interval as `0.1234 to 0.5678`, or None."""
    low, high = part_of(metric, "low"), part_of(metric, "high")
    if low is None or high is None:
        return None
    return f"{number(as_float(low))} to {number(as_float(high))}"


def with_interval(metric, sign: bool = False) -> str | None:
    """Return a metric as `0.947 [0.940, 0.953]`, without the brackets if it has no interval."""
    value, low, high = value_of(metric), part_of(metric, "low"), part_of(metric, "high")
    if value is None or np.isnan(value):
        return None
    text = number(as_float(value), ".3f", sign)
    if low is None or high is None:
        return text
    return f"{text} [{number(as_float(low), '.3f', sign)}, {number(as_float(high), '.3f', sign)}]"


def as_float(value) -> float | None:
    """A number as a float that keeps its source; None stays None."""
    return value if value is None or isinstance(value, float) else float(value)


def everything(result: Mapping) -> dict[str, int]:
    """Return the counts of flagging everything; empty if a result has no counts."""
    if not all(key in result for key in ("tp", "fp", "tn", "fn")):
        return {}
    return {"tp": result["tp"] + result["fn"], "fp": result["fp"] + result["tn"], "tn": 0, "fn": 0}


def difference(ours, theirs):
    """Return ours minus theirs, both rounded as printed, so that the three columns agree."""
    if ours is None or theirs is None:
        return None
    if isinstance(ours, int | np.integer) and isinstance(theirs, int | np.integer):
        return int(ours) - int(theirs)
    return round(round(float(ours), DECIMALS) - round(float(theirs), DECIMALS), DECIMALS)


def reading(result: Mapping) -> str:
    """Return `higher`, `lower` or `no clear difference`, by the interval of a shift or a difference."""
    chance = result.get("chance", 0.5)
    if result["low"] > chance:
        return "higher"
    return "lower" if result["high"] < chance else UNCLEAR
