"""Figures over the threshold: errors, costs, and the work that decisions make."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_DASHES,
    FAINT,
    INK,
    NORMAL,
    THRESHOLD_LINE,
    WIDTH,
    in_use,
    log_axis,
    looks,
    need_curves,
    need_same_length,
    percent_axis,
    styled,
)

_FEW = 15  # up to so many points a curve has markers


@styled
def threshold_sweep(thresholds, miss_rate, false_alarm_rate, chosen: float | None = None) -> Figure:
    """Draw what moving the threshold trades: misses against false alarms.

    Args:
        thresholds: Shape (k,), rising; a few are drawn with markers and named on the axis.
        miss_rate: Share of anomalies that pass, shape (k,).
        false_alarm_rate: Share of normal images that are flagged, shape (k,).
        chosen: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with the two rates over the threshold.

    Raises:
        ValueError: Lengths differ, or there are no thresholds.
    """
    need_same_length(thresholds, miss_rate, false_alarm_rate)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_subplot()
    few = len(thresholds) <= _FEW
    for rate, name, colour, dashes, marker in (
        (miss_rate, "Anomalies missed", ANOMALY, ANOMALY_DASHES, "s"),
        (false_alarm_rate, "Normal images flagged", NORMAL, "-", "o"),
    ):
        axes.plot(thresholds, rate, color=colour, linestyle=dashes, marker=marker if few else None, label=name)
    if few:
        axes.set_xticks(thresholds, [f"{threshold:g}" for threshold in thresholds])
    in_use(axes, chosen)
    axes.set_ylim(-0.02, 1.02)
    percent_axis(axes.yaxis)
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Share of the class")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def expected_cost(thresholds, costs: Mapping[str, Sequence[float]], chosen: float | None = None) -> Figure:
    """Draw what decisions cost over the threshold, for several prices of a miss.

    Args:
        thresholds: Shape (k,), rising.
        costs: By ratio, such as `"10 : 1"`, the relative cost at each threshold, shape (k,): what
            `lib.evaluation.metrics.relative_cost` returns, where 1 is the cost of deciding without looking.
        chosen: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with one line per ratio on a logarithmic axis, a marker at the cheapest threshold of each. A
        cost of 0, which a logarithmic axis cannot show, leaves a gap with the marker at its edge.

    Raises:
        ValueError: Lengths differ, or there is no curve.
    """
    need_curves(costs, "cost curve")
    need_same_length(thresholds, *costs.values())
    figure = Figure(figsize=(WIDTH, 3.2))
    axes = figure.add_subplot()
    floor = min([1.0, *(float(value) for values in costs.values() for value in values if value > 0)]) / 2
    for (colour, dashes, marker), (ratio, values) in zip(looks(costs), costs.items(), strict=True):
        values = np.asarray(values, dtype=float)
        best = int(np.argmin(values))
        label = f"{ratio}, cheapest at {thresholds[best]:.3g}"
        axes.plot(thresholds, np.where(values > 0, values, np.nan), color=colour, linestyle=dashes, label=label)
        point = max(values[best], floor)
        axes.plot(thresholds[best], point, marker, color=colour, markersize=8, markeredgecolor="white", zorder=5)
    axes.axhline(1, color=FAINT, linewidth=1, label="Deciding without looking", zorder=1)
    in_use(axes, chosen)
    axes.set_yscale("log")
    log_axis(axes.yaxis)
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Expected cost (log scale)")
    figure.legend(loc="outside right upper", title="Miss : false alarm", alignment="left")
    return figure


@styled
def operations(thresholds, reviewed, missed, in_vain, chosen: float | None = None, per: int = 1000) -> Figure:
    """Draw what so many images mean for those who look at what is flagged, over the threshold.

    Args:
        thresholds: Shape (k,), rising.
        reviewed: Images flagged for review at each threshold, per `per` images, shape (k,).
        missed: Anomalies that pass, shape (k,).
        in_vain: Normal images flagged, shape (k,).
        chosen: The threshold in use, drawn as a vertical line.
        per: How many images the counts are for.

    Returns:
        Figure of two panels over one another, since misses are few where anomalies are: above, the reviews and
        those of them that are in vain; below, the misses, on a scale of their own.

    Raises:
        ValueError: Lengths differ, or there are no thresholds.
    """
    need_same_length(thresholds, reviewed, missed, in_vain)
    thresholds, reviewed, missed, in_vain = (
        np.asarray(each, dtype=float) for each in (thresholds, reviewed, missed, in_vain)
    )
    figure = Figure(figsize=(WIDTH, 3.9))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    marker = "o" if len(thresholds) <= _FEW else None
    above.plot(thresholds, reviewed, color=INK, marker=marker, label="Reviewed")
    above.plot(thresholds, in_vain, color=NORMAL, linestyle=(0, (1.4, 1.2)), marker=marker, label="Reviewed in vain")
    above.fill_between(thresholds, in_vain, reviewed, color=ANOMALY, alpha=0.14, linewidth=0, label="Anomalies caught")
    below.plot(thresholds, missed, color=ANOMALY, linestyle=ANOMALY_DASHES, marker=marker, label="Anomalies missed")
    if chosen is not None:
        above.axvline(chosen, **THRESHOLD_LINE)
    in_use(below, chosen)  # named once, at the end of the legend
    lowest = min(thresholds[0], thresholds[0] if chosen is None else chosen)
    if lowest > 0 and thresholds[-1] > 20 * lowest:  # a few far outliers must not hide all others
        below.set_xscale("log")
        log_axis(below.xaxis)
    for axes, most in ((above, reviewed.max()), (below, missed.max())):
        axes.set_ylim(-0.03 * max(most, 1e-9), 1.05 * max(most, 1e-9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.6g}"))
        axes.set_ylabel(f"Per {per:,} images")
    below.set_xlabel(f"Threshold on the anomaly score{' (log scale)' if below.get_xscale() == 'log' else ''}")
    handles, labels = zip(
        *(pair for axes in (above, below) for pair in zip(*axes.get_legend_handles_labels(), strict=True)), strict=True
    )
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure
