"""From metrics to cells: the parts that every table is put together from."""

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


def framed(
    columns: Mapping[str, Sequence], signed: Sequence[str] = (), decimals: Mapping[str, int] | None = None
) -> pandas.DataFrame:
    """Build a frame whose columns keep integers beside floats.

    Args:
        columns: Cells by column.
        signed: Columns whose numbers carry a sign.
        decimals: Decimals of the columns whose floats have not the usual number of them.

    Returns:
        The frame, with `signed` and `decimals` in its `attrs`, where `to_markdown` finds them.
    """
    made = pandas.DataFrame({name: pandas.Series(list(values), dtype=object) for name, values in columns.items()})
    made.attrs["signed"] = [name for name in signed if name in columns]
    made.attrs["decimals"] = dict(decimals or {})
    return made


def value_of(metric):
    """The number itself, out of a metric or a bare number."""
    return metric.get("value") if isinstance(metric, Mapping) else metric


def part_of(metric, name: str):
    """What stands beside the number, if anything."""
    return metric.get(name) if isinstance(metric, Mapping) else None


def interval_of(metric) -> str | None:
    """An interval as `0.1234 to 0.5678`, or None."""
    low, high = part_of(metric, "low"), part_of(metric, "high")
    if low is None or high is None:
        return None
    return f"{number(float(low))} to {number(float(high))}"


def with_interval(metric, sign: bool = False) -> str | None:
    """A number with its interval behind it where it has one: `0.947 [0.940, 0.953]`."""
    value, low, high = value_of(metric), part_of(metric, "low"), part_of(metric, "high")
    if value is None or np.isnan(value):
        return None
    texts = [None if each is None else number(float(each), ".3f", sign) for each in (value, low, high)]
    behind = "" if low is None or high is None else f" [{texts[1]}, {texts[2]}]"
    return f"{texts[0]}{behind}"


def everything(result: Mapping) -> dict[str, int]:
    """The counts of flagging everything, where a result has counts."""
    if not all(key in result for key in ("tp", "fp", "tn", "fn")):
        return {}
    return {"tp": result["tp"] + result["fn"], "fp": result["fp"] + result["tn"], "tn": 0, "fn": 0}


def difference(ours, theirs):
    """Ours minus theirs, both as printed, so that the three columns agree to the last digit."""
    if ours is None or theirs is None:
        return None
    if isinstance(ours, int | np.integer) and isinstance(theirs, int | np.integer):
        return int(ours) - int(theirs)
    return round(round(float(ours), DECIMALS) - round(float(theirs), DECIMALS), DECIMALS)


def reading(result: Mapping) -> str:
    """Put a shift or a difference in words by its interval: `higher`, `lower` or `no clear difference`."""
    none = result.get("chance", 0.5)
    if result["low"] > none:
        return "higher"
    return "lower" if result["high"] < none else "no clear difference"
