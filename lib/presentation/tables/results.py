"""Tables of how a detector did at thresholds, beside published figures and beside other detectors."""

from collections.abc import Mapping, Sequence

import pandas

from lib.presentation.tables.cells import (
    LABELS,
    difference,
    everything,
    framed,
    interval_of,
    part_of,
    value_of,
    with_interval,
)
from lib.presentation.tables.markdown import number


def metrics(result: Mapping, published: Mapping | None = None, keys: Sequence[str] | None = None) -> pandas.DataFrame:
    """Set what was measured at a threshold beside the published figures and beside flagging everything.

    Args:
        result: Metrics by name, each a number or a dict with `value` and perhaps `low`, `high`, `trivial`,
            `chance`; counts `tp`, `fp`, `tn`, `fn` as integers. What `lib.evaluation.metrics.at_threshold` returns, or
            more of its kind.
        published: Published numbers under the same names; None leaves the two columns out, and a name that is
            missing gets a dash.
        keys: Which metrics, in which order; all that `result` holds by default, in the order of `LABELS`.

    Returns:
        Columns `Metric`, `This run`, `95 % interval` (where any metric has one), `Published` and `Difference`
        (with `published`; the difference of the two numbers as printed), `Flag everything` (where any metric
        has a trivial value) and `Chance` (where any has one).
    """
    keys = list(keys) if keys is not None else [key for key in LABELS if key in result]
    values = [value_of(result[key]) for key in keys]
    columns: dict[str, list] = {"Metric": [LABELS.get(key, key) for key in keys], "This run": values}
    intervals = [interval_of(result[key]) for key in keys]
    if any(intervals):
        columns["95 % interval"] = intervals
    if published is not None:
        told = [published.get(key) for key in keys]
        columns["Published"] = told
        columns["Difference"] = [difference(ours, theirs) for ours, theirs in zip(values, told, strict=True)]
    columns["Flag everything"] = [part_of(result[key], "trivial") for key in keys]
    if counts := everything(result):
        columns["Flag everything"] = [
            counts.get(key, known) for key, known in zip(keys, columns["Flag everything"], strict=True)
        ]
    columns["Chance"] = [part_of(result[key], "chance") for key in keys]
    for name in ("Flag everything", "Chance"):
        if all(value is None for value in columns[name]):
            del columns[name]
    return framed(columns, signed=["Difference"])


def sweep(
    results: Sequence[Mapping],
    thresholds: Sequence[float],
    published: Sequence[Mapping | None] | None = None,
    keys: Sequence[str] = ("accuracy", "precision", "recall", "f1", "tp", "fp", "tn", "fn"),
) -> pandas.DataFrame:
    """Lay metrics out as rows and thresholds as columns.

    Args:
        results: One `lib.evaluation.metrics.at_threshold` result per threshold.
        thresholds: The thresholds, same order; they head the columns.
        published: Published numbers per threshold, same order (None where there are none); each then stands
            in parentheses behind ours, and the cells are text.
        keys: Which metrics, in which order.

    Returns:
        Column `Metric` and one column per threshold, headed by its shortest decimal form (`0.02`).

    Raises:
        ValueError: Lengths differ, or a threshold comes twice.
    """
    if len(results) != len(thresholds) or (published is not None and len(published) != len(thresholds)):
        raise ValueError(f"sweep: {len(thresholds)} thresholds need as many results (and published figures)")
    if len(set(thresholds)) != len(thresholds):
        raise ValueError("sweep: a threshold comes twice; each heads a column")
    columns: dict[str, list] = {"Metric": [LABELS.get(key, key) for key in keys]}
    for index, (threshold, result) in enumerate(zip(thresholds, results, strict=True)):
        ours = [value_of(result[key]) for key in keys]
        told = (published[index] or {}) if published is not None else {}
        columns[f"{threshold:g}"] = [
            f"{number(value)} ({number(told[key])})" if key in told else value
            for key, value in zip(keys, ours, strict=True)
        ]
    return framed(columns)


def detectors(
    results: Mapping[str, Mapping],
    keys: Sequence[str] = ("auroc", "accuracy", "precision", "recall", "f1", "tp", "fp", "tn", "fn"),
    published: Mapping[str, Mapping] | None = None,
    intervals: Sequence[str] = ("auroc", "aupr", "aupr_normal", "fpr_at_95_tpr"),
) -> pandas.DataFrame:
    """Compare detectors: one row each, one column per metric.

    Args:
        results: Metrics by detector name, as for `metrics`.
        keys: Which metrics, in which order; one that no detector has is left out.
        published: Published numbers by detector name; each detector that has some gets a second row,
            `published`.
        intervals: The metrics whose 95 % interval is written behind the value, `0.947 [0.940, 0.953]`. A
            column with any such cell is text, all of it with three decimals.

    Returns:
        Column `Detector` and one column per metric, counts under their short names (TP, FP, TN, FN); a dash
        where a detector lacks a metric.
    """
    rows: list[tuple[str, Mapping]] = []
    for name, result in results.items():
        rows.append((name, result))
        if published and name in published:
            rows.append((f"{name}, published", published[name]))
    columns: dict[str, list] = {"Detector": [name for name, _ in rows]}
    for key in keys:
        if not any(key in result for _, result in rows):
            continue
        column = [result.get(key) for _, result in rows]
        head = key.upper() if key in ("tp", "fp", "tn", "fn") else LABELS.get(key, key)
        if key in intervals and any(interval_of(metric) for metric in column):
            columns[head] = [with_interval(metric) for metric in column]
        else:
            columns[head] = [value_of(metric) for metric in column]
    return framed(columns)
