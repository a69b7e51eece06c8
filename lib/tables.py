"""Every table: dicts and arrays in, a pandas DataFrame out, and one way to write a DataFrame as Markdown.

Cells hold numbers, not text, wherever they can, so that a notebook can compute with them. How they read on
paper is decided once, in `to_markdown`: counts (integers) with thousands
separators, rates (floats) with four decimals, a dash where there is no value.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas
import tabulate

LABELS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
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
DECIMALS = 4
_DASH = "–"
_MINUS = "−"


# ---------------------------------------------------------------- what the data set holds


def class_counts(
    names: Sequence[str], counts: Sequence[int], normal: str | None = None, top: int | None = None
) -> pandas.DataFrame:
    """List the classes from the largest to the smallest.

    Args:
        names: Class names, k of them.
        counts: Images in each class, same order.
        normal: The class that counts as normal; adds a column that says which classes are anomalies.
        top: Keep only so many of the largest; the normal class stays whatever its rank.

    Returns:
        Columns `Class`, `Role` (with `normal`), `Images` and `Share` of all images; the rank is the index,
        from 1. Classes of equal size are in alphabetical order.

    Raises:
        ValueError: Lengths differ, or `normal` is not among the names.
    """
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} class names for {len(counts)} counts; give one count per class")
    if normal is not None and normal not in names:
        raise ValueError(f"normal class {normal!r} is not among the {len(names)} classes")
    frame = pandas.DataFrame({"Class": list(names), "Images": np.asarray(counts, dtype=int)})
    frame["Share"] = frame["Images"] / max(frame["Images"].sum(), 1)
    if normal is not None:
        frame.insert(1, "Role", np.where(frame["Class"] == normal, "normal", "anomaly"))
    frame = frame.sort_values(["Images", "Class"], ascending=[False, True])
    frame.index = range(1, len(frame) + 1)
    if top is not None:
        frame = frame[(frame.index <= top) | (frame["Class"] == normal)]
    frame["Class"] = frame["Class"].map(literal)
    return frame


# ---------------------------------------------------------------- how a detector did


def metrics(result: Mapping, published: Mapping | None = None, keys: Sequence[str] | None = None) -> pandas.DataFrame:
    """Set what was measured at a threshold beside the published figures and beside flagging everything.

    Args:
        result: Metrics by name, each a number or a dict with `value` and perhaps `low`, `high`, `trivial`,
            `chance`; counts `tp`, `fp`, `tn`, `fn` as integers. What `lib.metrics.at_threshold` returns, or
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
    values = [_value(result[key]) for key in keys]
    columns: dict[str, list] = {"Metric": [LABELS.get(key, key) for key in keys], "This run": values}
    intervals = [_interval(result[key]) for key in keys]
    if any(intervals):
        columns["95 % interval"] = intervals
    if published is not None:
        told = [published.get(key) for key in keys]
        columns["Published"] = told
        columns["Difference"] = [_difference(ours, theirs) for ours, theirs in zip(values, told, strict=True)]
    columns["Flag everything"] = [_part(result[key], "trivial") for key in keys]
    if all(key in result for key in ("tp", "fp", "tn", "fn")):
        everything = {
            "tp": result["tp"] + result["fn"],
            "fp": result["fp"] + result["tn"],
            "tn": 0,
            "fn": 0,
        }
        columns["Flag everything"] = [
            everything.get(key, known) for key, known in zip(keys, columns["Flag everything"], strict=True)
        ]
    columns["Chance"] = [_part(result[key], "chance") for key in keys]
    for name in ("Flag everything", "Chance"):
        if all(value is None for value in columns[name]):
            del columns[name]
    return _frame(columns, signed=["Difference"])


def sweep(
    results: Sequence[Mapping],
    thresholds: Sequence[float],
    published: Sequence[Mapping | None] | None = None,
    keys: Sequence[str] = ("accuracy", "precision", "recall", "f1", "tp", "fp", "tn", "fn"),
) -> pandas.DataFrame:
    """Lay metrics out as rows and thresholds as columns.

    Args:
        results: One `lib.metrics.at_threshold` result per threshold.
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
        ours = [_value(result[key]) for key in keys]
        told = (published[index] or {}) if published is not None else {}
        columns[f"{threshold:g}"] = [
            f"{_number(value)} ({_number(told[key])})" if key in told else value
            for key, value in zip(keys, ours, strict=True)
        ]
    return _frame(columns)


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
        if key in intervals and any(_interval(metric) for metric in column):
            columns[head] = [_with_interval(metric) for metric in column]
        else:
            columns[head] = [_value(metric) for metric in column]
    return _frame(columns)


# ---------------------------------------------------------------- how it was made


def layers(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """List a network's layers with their output shapes and parameters, and a total.

    Args:
        rows: Dicts with `layer`, `output` (the shape without the batch dimension, text or a sequence of
            sizes) and `parameters`; a `part` such as `encoder` gets a column of its own.

    Returns:
        Columns `Part` (if any row has one), `Layer`, `Output shape` (text, `48 × 48 × 32`) and `Parameters`;
        the last row is the total.
    """
    columns = {
        "Part": [literal(row.get("part", "")) for row in rows] + [""],
        "Layer": [literal(row["layer"]) for row in rows] + ["**Total**"],
        "Output shape": [_shape(row["output"]) for row in rows] + [""],
        "Parameters": [int(row["parameters"]) for row in rows],
    }
    columns["Parameters"].append(sum(columns["Parameters"]))
    if not any(columns["Part"]):
        del columns["Part"]
    return _frame(columns)


def provenance(record: Mapping) -> pandas.DataFrame:
    """List parameters, versions and whatever else a page was made from.

    Args:
        record: Names and values; a nested dict is flattened (`versions / numpy`), a list is joined by commas.

    Returns:
        Columns `Item` and `Value`, both text; floats in their shortest form, never rounded.
    """
    rows = list(_flat(record))
    return _frame({"Item": [name for name, _ in rows], "Value": [value for _, value in rows]})


# ---------------------------------------------------------------- what fools it


def shifts(names: Sequence[str], results: Sequence[Mapping]) -> pandas.DataFrame:
    """List how image attributes differ between two groups.

    Args:
        names: What was measured, in plain words, one per result.
        results: `lib.metrics.shift` results, same order.

    Returns:
        Columns `Attribute`, `Probability higher`, `95 % interval`, `Difference of means` and `Reading`:
        `higher` or `lower` where the interval leaves out one half, else `no clear difference`.

    Raises:
        ValueError: Lengths differ.
    """
    if len(names) != len(results):
        raise ValueError(f"{len(names)} attribute names for {len(results)} shifts; give one name per shift")
    return _frame(
        {
            "Attribute": list(names),
            "Probability higher": [result["value"] for result in results],
            "95 % interval": [_interval(result) for result in results],
            "Difference of means": [result["difference"] for result in results],
            "Reading": [reading(result) for result in results],
        },
        signed=["Difference of means"],
    )


def reading(result: Mapping) -> str:
    """Put a shift in words by its interval: `higher`, `lower` or `no clear difference`."""
    if result["low"] > 0.5:
        return "higher"
    return "lower" if result["high"] < 0.5 else "no clear difference"


# ---------------------------------------------------------------- Markdown


def to_markdown(frame: pandas.DataFrame, floatfmt: str = f".{DECIMALS}f", index: bool = False) -> str:
    """Write a DataFrame as a Markdown pipe table.

    Args:
        frame: Any DataFrame; `frame.attrs["signed"]` names the columns whose numbers carry a sign.
        floatfmt: Format of floats, as in `format`. Integers get thousands separators.
        index: Whether the index becomes the first column.

    Returns:
        The table, columns of numbers aligned right and all others left. A missing value is a dash, `|` is
        escaped, and line breaks become spaces. Other Markdown in text cells is kept: see
        `literal`.
    """
    signed = set(frame.attrs.get("signed", ()))
    if index:
        frame = frame.reset_index(names=frame.index.name or "")
    headers = [_cell(str(name)) for name in frame.columns]
    columns = [
        [_cell(_number(value, floatfmt, sign=name in signed)) for value in frame[name].tolist()]
        for name in frame.columns
    ]
    return tabulate.tabulate(
        list(zip(*columns, strict=True)),
        headers=headers,
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if _numeric(column) else "left" for column in columns] if len(frame) else None,
    )


def literal(text: str) -> str:
    """Escape what Markdown would read as markup, so that a file name or version shows as it is written."""
    return re.sub(r"([\\`*_{}\[\]<>#$~^|@])", r"\\\1", text)


def _cell(text: str) -> str:
    """Fit text into one cell of a pipe table."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def _number(value, floatfmt: str = f".{DECIMALS}f", sign: bool = False) -> str:
    """Write one cell: counts, rates, text or nothing."""
    plus = "+" if sign else ""
    if value is None or value is pandas.NA or (isinstance(value, float | np.floating) and math.isnan(value)):
        return _DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        text = f"{value:{plus},}"
    elif isinstance(value, float | np.floating):
        text = f"{value:{plus}{floatfmt}}"
    else:
        return str(value)
    if not text.strip("+-0.,"):  # what rounds to nothing has no sign
        text = text.lstrip("+-")
    return text.replace("-", _MINUS)


def _numeric(column: Sequence[str]) -> bool:
    """Tell whether every cell is a number, alone or with an interval or a second number behind it."""
    one = rf"[+{_MINUS}-]?[\d,.]+(e[+-]?\d+)?%?"
    pattern = rf"{_DASH}|{one}( \({one}\)| \[{one}, {one}\]| to {one})?"
    return any(cell != _DASH for cell in column) and all(re.fullmatch(pattern, cell) for cell in column)


def _frame(columns: Mapping[str, Sequence], signed: Sequence[str] = ()) -> pandas.DataFrame:
    """Build a frame whose columns keep integers beside floats."""
    frame = pandas.DataFrame({name: pandas.Series(list(values), dtype=object) for name, values in columns.items()})
    frame.attrs["signed"] = [name for name in signed if name in columns]
    return frame


def _value(metric):
    """The number itself, out of a metric or a bare number."""
    return metric.get("value") if isinstance(metric, Mapping) else metric


def _part(metric, name: str):
    """What stands beside the number, if anything."""
    return metric.get(name) if isinstance(metric, Mapping) else None


def _interval(metric) -> str | None:
    """An interval as `0.1234 to 0.5678`, or None."""
    low, high = _part(metric, "low"), _part(metric, "high")
    if low is None or high is None:
        return None
    return f"{_number(float(low))} to {_number(float(high))}"


def _with_interval(metric) -> str | None:
    """A number with its interval behind it where it has one: `0.947 [0.940, 0.953]`."""
    value, low, high = _value(metric), _part(metric, "low"), _part(metric, "high")
    if value is None:
        return None
    behind = "" if low is None or high is None else f" [{_number(low, '.3f')}, {_number(high, '.3f')}]"
    return f"{_number(float(value), '.3f')}{behind}"


def _difference(ours, theirs):
    """Ours minus theirs, both as printed, so that the three columns agree to the last digit."""
    if ours is None or theirs is None:
        return None
    if isinstance(ours, int | np.integer) and isinstance(theirs, int | np.integer):
        return int(ours) - int(theirs)
    return round(round(float(ours), DECIMALS) - round(float(theirs), DECIMALS), DECIMALS)


def _shape(shape) -> str:
    """An output shape, its sizes joined by multiplication signs."""
    return shape if isinstance(shape, str) else " × ".join(str(size) for size in shape)


def _flat(record: Mapping, prefix: str = ""):
    """Walk nested dicts depth first, yielding names and texts."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} / ")
            continue
        parts = value if isinstance(value, list | tuple | set | frozenset) else [value]
        texts = [_DASH if part is None else _number(part) if isinstance(part, bool) else str(part) for part in parts]
        yield literal(f"{prefix}{name}"), literal(", ".join(texts)) or _DASH
