"""Tables of a detector's metrics at thresholds, with published values, and of its workload in use."""

from collections.abc import Mapping, Sequence

import pandas

from lib.presentation.tables.cells import (
    LABELS,
    framed,
    interval_of,
    value_of,
    with_interval,
)
from lib.presentation.tables.markdown import number


def threshold_sweep(
    results: Sequence[Mapping],
    thresholds: Sequence[float],
    published: Sequence[Mapping | None] | None = None,
    keys: Sequence[str] = ("accuracy", "precision", "recall", "f1", "tp", "fp", "tn", "fn"),
) -> pandas.DataFrame:
    """List metrics as rows and thresholds as columns.

    Args:
        results: One `lib.evaluation.metrics.at_threshold` result per threshold.
        thresholds: The thresholds, same order.
        published: Published numbers per threshold, same order (None where there are none); they follow our values in
            parentheses, and the cells are text.
        keys: The metrics, in the order wanted.

    Returns:
        Column `Metric` and one column per threshold, named by its value in four digits (`0.02`).

    Raises:
        ValueError: Lengths differ, or a threshold occurs twice.
    """
    if len(results) != len(thresholds) or (published is not None and len(published) != len(thresholds)):
        raise ValueError(f"threshold_sweep: {len(thresholds)} thresholds need as many results (and published values)")
    if len(set(thresholds)) != len(thresholds):
        raise ValueError("threshold_sweep: a threshold occurs twice")
    columns: dict[str, list] = {"Metric": [LABELS.get(key, key) for key in keys]}
    for index, (threshold, result) in enumerate(zip(thresholds, results, strict=True)):
        ours = [value_of(result[key]) for key in keys]
        theirs = (published[index] or {}) if published is not None else {}
        columns[f"{threshold:.4g}"] = [
            f"{number(value)} ({number(theirs[key])})" if key in theirs else value
            for key, value in zip(keys, ours, strict=True)
        ]
    return framed(columns)


def detectors(
    results: Mapping[str, Mapping],
    keys: Sequence[str] = ("auroc", "accuracy", "precision", "recall", "f1", "tp", "fp", "tn", "fn"),
    published: Mapping[str, Mapping] | None = None,
    intervals: Sequence[str] = ("auroc", "aupr", "aupr_normal", "fpr_at_95_tpr"),
) -> pandas.DataFrame:
    """List detectors as rows and metrics as columns.

    Args:
        results: Metrics by detector name, as for `metrics`.
        keys: The metrics, in the order wanted; one that no detector has is left out.
        published: Published numbers by detector name; a detector that has some gets a second row, `published`.
        intervals: The metrics whose 95 % interval follows the value, `0.947 [0.940, 0.953]`. Such a column is text with
            three decimals.

    Returns:
        Column `Detector` and one column per metric, counts under their short names (TP, FP, TN, FN); None if a detector
        lacks a metric.
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
        label = key.upper() if key in ("tp", "fp", "tn", "fn") else LABELS.get(key, key)
        if key in intervals and any(interval_of(metric) for metric in column):
            columns[label] = [with_interval(metric) for metric in column]
        else:
            columns[label] = [value_of(metric) for metric in column]
    return framed(columns)


def operations(frame: pandas.DataFrame) -> pandas.DataFrame:
    """List the expected counts of decisions in use.

    Args:
        frame: What `lib.evaluation.metrics.operations` returns, with or without `threshold`.

    Returns:
        Columns `Threshold` (if there is one; text of four significant digits), `Reviewed`, `Anomalies detected`,
        `Anomalies missed`, `False alarms` (expected counts) and `Share of false alarms` (among the reviewed images).
    """
    columns = {}
    if "threshold" in frame:
        columns["Threshold"] = [f"{threshold:.4g}" for threshold in frame["threshold"]]
    heads = {
        "reviewed": "Reviewed",
        "caught": "Anomalies detected",
        "missed": "Anomalies missed",
        "false_alarms": "False alarms",
        "false_alarm_share": "Share of false alarms",
    }
    columns |= {head: frame[name].tolist() for name, head in heads.items()}
    return framed(columns, decimals={heads[name]: 1 for name in ("reviewed", "caught", "missed", "false_alarms")})
