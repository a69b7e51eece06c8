"""Figures of scores and thresholds: score histograms, and errors, costs and workload by threshold."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lib.core.formatting import count, percent
from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_DASHES,
    FAINT,
    INK,
    NORMAL,
    THRESHOLD_LOOK,
    WIDTH,
    check_curves,
    check_same_length,
    curve_looks,
    described,
    draw_threshold,
    legend_above,
    log_axis,
    percent_axis,
    some,
    styled,
)

_FEW = 15  # up to so many points a curve has markers
_BINS = 50
_CLASSES = (("Normal", "normal image", "normal images"), ("Anomaly", "anomaly", "anomalies"))


@styled
def score_histogram(
    normal_scores,
    anomaly_scores,
    threshold: float | None = None,
    log: bool | None = None,
    names: Sequence[tuple[str, str, str]] = _CLASSES,
) -> Figure:
    """Draw the distribution of the scores of normal images and of anomalies, each as shares of its own class.

    Args:
        normal_scores: Scores of normal images, shape (m,); may be empty.
        anomaly_scores: Scores of anomalies, shape (n,); may be empty, but not both.
        threshold: The threshold; the legend then has the share of each class strictly above it.
        log: Whether the score axis is logarithmic; by default it is if all scores are above zero and spread over more
            than a factor of 20.
        names: What the two groups are called in the legend, and one image and several images of them.

    Returns:
        Figure with two overlaid histograms of the same bins.

    Raises:
        ValueError: There are no scores, one is not finite, or `log` is True with scores of zero or less.
    """
    groups = [np.asarray(scores, dtype=float) for scores in (normal_scores, anomaly_scores)]
    pooled = np.concatenate(groups)
    if not pooled.size or not np.isfinite(pooled).all():
        raise ValueError("score histogram: needs at least one score, and every score finite")
    if log and pooled.min() <= 0:
        raise ValueError(f"score histogram: a logarithmic axis cannot show the lowest score, {pooled.min():g}")
    if log is None:
        log = bool(pooled.min() > 0 and pooled.max() > 20 * pooled.min())
    edges = _edges(groups, threshold, log)

    figure = Figure(figsize=(WIDTH, 2.5))
    axes = figure.add_subplot()
    items = []
    looks = (NORMAL, "-", None), (ANOMALY, ANOMALY_DASHES, "/////")
    for scores, (name, one, several), (colour, dashes, hatch) in zip(groups, names, looks, strict=True):
        if not scores.size:
            continue
        shares = np.histogram(scores, edges)[0] / scores.size
        above = "" if threshold is None else f", {percent((scores > threshold).mean())} above the threshold"
        label = f"{name} (n = {scores.size:,}{above})"
        outline = {"edgecolor": colour, "linestyle": dashes, "linewidth": 1.5, "hatch": hatch, "label": label}
        axes.stairs(shares, edges, fill=True, facecolor=colour, alpha=0.22, linewidth=0)
        axes.stairs(shares, edges, fill=hatch is not None, facecolor="none", **outline)
        items.append(f"{count(scores.size, one, several)}, median {np.median(scores):.4g}{above}")
    if log:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    if log:
        log_axis(axes.xaxis)
    if threshold is not None:
        axes.axvline(threshold, label=f"Threshold {threshold:g}", **THRESHOLD_LOOK)
    percent_axis(axes.yaxis)
    axes.set_xlabel("Anomaly score (log scale)" if log else "Anomaly score")
    axes.set_ylabel(f"Share of its {'class' if names is _CLASSES else 'group'} in a bin")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    at = "" if threshold is None else f" Threshold {threshold:.4g}."
    return described(
        figure, f"{'Histogram' if len(items) == 1 else 'Histograms'} of anomaly scores. {'; '.join(items)}.{at}"
    )


def _edges(groups: Sequence[np.ndarray], threshold: float | None, log: bool) -> np.ndarray:
    """Common bins over all scores and the threshold, fewer of them if a class has few images."""
    pooled = np.concatenate(groups)
    if threshold is not None and (threshold > 0 or not log):
        pooled = np.append(pooled, threshold)
    low, high = float(pooled.min()), float(pooled.max())
    if low == high:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    fewest = min(group.size for group in groups if group.size)
    bins = int(np.clip(2.5 * np.sqrt(fewest), 12, _BINS))
    edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)
    edges[0], edges[-1] = low, high  # rounding must not lose the extremes
    return edges


@styled
def threshold_sweep(thresholds, miss_rate, false_alarm_rate, threshold: float | None = None) -> Figure:
    """Draw the shares of missed anomalies and of false alarms by threshold.

    Args:
        thresholds: Shape (k,), rising; a few are drawn with markers and named on the axis.
        miss_rate: Share of anomalies that are not flagged, shape (k,).
        false_alarm_rate: Share of normal images that are flagged, shape (k,).
        threshold: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with the two rates over the threshold.

    Raises:
        ValueError: Lengths differ, or there are no thresholds.
    """
    check_same_length(thresholds, miss_rate, false_alarm_rate)
    figure = Figure(figsize=(WIDTH, 2.3))
    axes = figure.add_subplot()
    few = len(thresholds) <= _FEW
    for rate, name, colour, dashes, marker in (
        (miss_rate, "Anomalies missed", ANOMALY, ANOMALY_DASHES, "s"),
        (false_alarm_rate, "Normal images flagged", NORMAL, "-", "o"),
    ):
        axes.plot(thresholds, rate, color=colour, linestyle=dashes, marker=marker if few else None, label=name)
    if few:
        axes.set_xticks(thresholds, [f"{value:g}" for value in thresholds])
    draw_threshold(axes, threshold)
    axes.set_ylim(-0.02, 1.02)
    percent_axis(axes.yaxis)
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Share of the class")
    legend_above(figure, *axes.get_legend_handles_labels())
    at = [
        f"At {value:.4g}, {percent(misses)} of the anomalies are missed and {percent(alarms)} of the normal images are "
        "flagged"
        for value, misses, alarms in _readings(thresholds, threshold, miss_rate, false_alarm_rate)
    ]
    return described(
        figure, f"Line chart of missed anomalies and of false alarms by threshold. {'. '.join(at)}.{_in_use(threshold)}"
    )


@styled
def expected_cost(thresholds, costs: Mapping[str, Sequence[float]], threshold: float | None = None) -> Figure:
    """Draw the expected cost of decisions by threshold, for several prices of a missed anomaly.

    Args:
        thresholds: Shape (k,), rising.
        costs: By ratio, such as `"10 : 1"`, the relative cost at each threshold, shape (k,): what
            `lib.evaluation.metrics.relative_cost` returns, where 1 is the cost of deciding without looking.
        threshold: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with one line per ratio on a logarithmic axis, with a marker at its cheapest threshold. A cost of 0,
        which a logarithmic axis cannot show, leaves a gap with the marker at its edge.

    Raises:
        ValueError: Lengths differ, or there is no curve.
    """
    check_curves(costs, "cost curve")
    check_same_length(thresholds, *costs.values())
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.add_subplot()
    floor = min([1.0, *(float(value) for values in costs.values() for value in values if value > 0)]) / 2
    items = []
    for (colour, dashes, marker), (ratio, values) in zip(curve_looks(costs), costs.items(), strict=True):
        values = np.asarray(values, dtype=float)
        best = int(np.argmin(values))
        label = f"{ratio}, cheapest at {thresholds[best]:.3g}"
        axes.plot(thresholds, np.where(values > 0, values, np.nan), color=colour, linestyle=dashes, label=label)
        point = max(values[best], floor)
        axes.plot(thresholds[best], point, marker, color=colour, markersize=8, markeredgecolor="white", zorder=5)
        items.append(f"{label} with {values[best]:.3g}")
    axes.axhline(1, color=FAINT, linewidth=1, label="Deciding without looking", zorder=1)
    draw_threshold(axes, threshold)
    axes.set_yscale("log")
    log_axis(axes.yaxis)
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Expected cost (log scale)")
    figure.legend(loc="outside right upper", title="Miss : false alarm", alignment="left")
    return described(
        figure,
        "Line chart of the expected cost by threshold, relative to deciding without looking, by ratio of the cost of a "
        f"miss to that of a false alarm. {some(items)}.{_in_use(threshold)}",
    )


@styled
def operations(frame: pandas.DataFrame, threshold: float | None = None, per: int = 1000) -> Figure:
    """Draw the expected workload by threshold: images to review, false alarms and missed anomalies.

    Args:
        frame: What `lib.evaluation.metrics.operations` returns with `thresholds`, rising.
        threshold: The threshold in use, drawn as a vertical line.
        per: The number of images that the counts are for.

    Returns:
        Figure of two panels with scales of their own, since misses are few if anomalies are: above, the reviewed
        images, with the false alarms among them; below, the missed anomalies.

    Raises:
        ValueError: There are no thresholds.
    """
    columns = [frame[column].to_numpy(dtype=float) for column in ("threshold", "reviewed", "false_alarms", "missed")]
    check_same_length(*columns)
    thresholds, reviewed, false_alarms, missed = columns
    figure = Figure(figsize=(WIDTH, 2.9))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    marker = "o" if len(thresholds) <= _FEW else None
    above.plot(thresholds, reviewed, color=INK, marker=marker, label="Reviewed")
    above.plot(thresholds, false_alarms, color=NORMAL, linestyle=(0, (1.4, 1.2)), marker=marker, label="False alarms")
    look = {"color": ANOMALY, "alpha": 0.14, "linewidth": 0}
    above.fill_between(thresholds, false_alarms, reviewed, label="Anomalies detected", **look)
    below.plot(thresholds, missed, color=ANOMALY, linestyle=ANOMALY_DASHES, marker=marker, label="Anomalies missed")
    if threshold is not None:
        above.axvline(threshold, **THRESHOLD_LOOK)
    draw_threshold(below, threshold)  # named once, at the end of the legend
    lowest = min(thresholds[0], thresholds[0] if threshold is None else threshold)
    if lowest > 0 and thresholds[-1] > 20 * lowest:  # a few far outliers must not hide all others
        below.set_xscale("log")
        log_axis(below.xaxis)
    for axes, most in ((above, reviewed.max()), (below, missed.max())):
        axes.set_ylim(-0.03 * max(most, 1e-9), 1.05 * max(most, 1e-9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.6g}"))
        axes.set_ylabel(f"Per {per:,} images")
    below.set_xlabel(f"Threshold on the anomaly score{' (log scale)' if below.get_xscale() == 'log' else ''}")
    handles, labels = zip(
        *(pair for axes in (above, below) for pair in zip(*axes.get_legend_handles_labels(), strict=True)), strict=True
    )
    legend_above(figure, handles, labels)
    at = [
        f"at {value:.4g}, {review:,.1f} are reviewed, of which {alarms:,.1f} are false alarms, and {misses:,.1f} "
        "anomalies are missed"
        for value, review, alarms, misses in _readings(thresholds, threshold, reviewed, false_alarms, missed)
    ]
    return described(
        figure,
        f"Line charts of the workload by threshold. Of {count(per, 'image')}, {'; '.join(at)}.{_in_use(threshold)}",
    )


def _readings(thresholds, threshold: float | None, *curves) -> list[tuple[float, ...]]:
    """The point nearest to the threshold, or both ends of the axis without one, with the values of curves there."""
    nearest = [0, len(thresholds) - 1] if threshold is None else [np.abs(np.asarray(thresholds) - threshold).argmin()]
    return [(float(thresholds[at]), *(float(curve[at]) for curve in curves)) for at in dict.fromkeys(nearest)]


def _in_use(threshold: float | None) -> str:
    return "" if threshold is None else f" Threshold in use: {threshold:.4g}."
