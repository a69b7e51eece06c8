"""Figures made of lines: losses, score histograms, ROC and precision-recall curves, thresholds and costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_DASHES,
    FAINT,
    NORMAL,
    THRESHOLD_LINE,
    WIDTH,
    log_axis,
    looks,
    need_curves,
    percent,
    percent_axis,
    styled,
)

_FEW = 15  # up to so many points a curve has markers
_BINS = 50


# ---------------------------------------------------------------- training


@styled
def loss_curve(
    history: Mapping[str, Sequence[float]], ylabel: str = "Loss (mean squared error)", log: bool = False
) -> Figure:
    """Draw loss by epoch.

    Args:
        history: One or several named curves, a value per epoch each.
        ylabel: What the loss is.
        log: Whether the loss axis is logarithmic.

    Returns:
        Figure with one line per curve; a single curve ends in its last value, several have a legend.

    Raises:
        ValueError: There is no curve, or one has no epochs.
    """
    need_curves(history)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_subplot()
    _epochs(axes, history, log)
    axes.set_ylabel(ylabel)
    if len(history) > 1:
        axes.legend()
    else:
        (values,) = history.values()
        axes.annotate(
            f"{values[-1]:.4g}",
            (len(values), values[-1]),
            xytext=(0, 7),
            textcoords="offset points",
            ha="right" if len(values) > 1 else "center",
        )
    return figure


@styled
def loss_terms(history: Mapping) -> Figure:
    """Draw the terms of a VAE's loss against each other, on a logarithmic scale.

    Args:
        history: Terms by name (`{"reconstruction": [...], "KL": [...]}`), a value per epoch each, or such a
            dict by model name, which gives one panel per model on a common scale. Values of zero or less,
            which a logarithmic scale cannot show, leave a gap.

    Returns:
        Figure with one panel per model and one line per term.

    Raises:
        ValueError: There is no term, or one has no epochs.
    """
    nested = bool(history) and all(isinstance(terms, Mapping) for terms in history.values())
    models = history if nested else {"": history}
    for terms in models.values():
        need_curves(terms, "loss term")
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, (name, terms) in zip(panels, models.items(), strict=True):
        _epochs(axes, terms, log=True)
        axes.set_title(name, loc="left", fontweight="bold", parse_math=False)
    panels[0].set_ylabel("Term of the loss (log scale)")
    log_axis(panels[0].yaxis)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _epochs(axes: Axes, curves: Mapping[str, Sequence[float]], log: bool) -> None:
    """Draw named curves over epochs that count from 1."""
    for (colour, dashes, marker), (name, values) in zip(looks(curves), curves.items(), strict=True):
        values = np.asarray(values, dtype=float)
        if log:
            values = np.where(values > 0, values, np.nan)
        epochs = np.arange(1, len(values) + 1)
        shown = marker if len(values) <= 2 * _FEW else None
        axes.plot(epochs, values, color=colour, linestyle=dashes, marker=shown, markersize=4, label=name)
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")


# ---------------------------------------------------------------- scores


@styled
def score_histogram(normal_scores, anomaly_scores, threshold: float | None = None, log: bool | None = None) -> Figure:
    """Draw how the scores of normal images and of anomalies are spread, each as a share of its own class.

    Args:
        normal_scores: Scores of normal images, shape (m,); may be empty.
        anomaly_scores: Scores of anomalies, shape (n,); may be empty, but not both.
        threshold: The line; the legend then says which share of either class lies strictly above it.
        log: Whether the score axis is logarithmic; by default it is where all scores are above zero and
            spread over more than a factor of 20.

    Returns:
        Figure with two overlaid histograms of the same bins.

    Raises:
        ValueError: There are no scores, one is not finite, or `log` is asked for with scores of zero or less.
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

    figure = Figure(figsize=(WIDTH, 3.0))
    axes = figure.add_subplot()
    for scores, name, colour, dashes, hatch in (
        (groups[0], "Normal", NORMAL, "-", None),
        (groups[1], "Anomaly", ANOMALY, ANOMALY_DASHES, "/////"),
    ):
        if not scores.size:
            continue
        shares = np.histogram(scores, edges)[0] / scores.size
        above = "" if threshold is None else f", {percent((scores > threshold).mean())} above the threshold"
        label = f"{name} (n = {scores.size:,}{above})"
        outline = {"edgecolor": colour, "linestyle": dashes, "linewidth": 1.5, "hatch": hatch, "label": label}
        axes.stairs(shares, edges, fill=True, facecolor=colour, alpha=0.22, linewidth=0)
        axes.stairs(shares, edges, fill=hatch is not None, facecolor="none", **outline)
    if log:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    if log:
        log_axis(axes.xaxis)
    if threshold is not None:
        axes.axvline(threshold, label=f"Threshold {threshold:g}", **THRESHOLD_LINE)
    percent_axis(axes.yaxis)
    axes.set_xlabel("Anomaly score (log scale)" if log else "Anomaly score")
    axes.set_ylabel("Share of its class in a bin")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    return figure


def _edges(groups: Sequence[np.ndarray], threshold: float | None, log: bool) -> np.ndarray:
    """Common bins over all scores and the threshold, fewer of them where a class has few images."""
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


# ---------------------------------------------------------------- evaluation


@styled
def roc_curves(curves: Mapping[str, tuple], marks: Mapping | None = None) -> Figure:
    """Draw ROC curves together, with the diagonal of chance.

    Args:
        curves: By detector name `(fpr, tpr, auroc)`: two arrays from 0 to 1 and the area, a number or a dict
            with `value` and perhaps `low` and `high`.
        marks: By detector name `(fpr, tpr, label)`, the decision at a threshold, or a list of such; marks
            that all have the same label are named once, in the legend.

    Returns:
        Figure with square axes and a legend that holds the areas.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    need_curves(curves, "ROC curve")
    figure, axes = _square("False positive rate (normal images flagged)", "True positive rate (anomalies flagged)")
    for (colour, dashes, _), (name, (fpr, tpr, area)) in zip(looks(curves), curves.items(), strict=True):
        axes.plot(fpr, tpr, color=colour, linestyle=dashes, label=f"{name}\nAUROC {_area(area)}")
    axes.set_ylim(-0.005, 1.005)
    _marks(axes, curves, marks)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (1, 2)), label="Chance\nAUROC 0.500", zorder=1)
    figure.legend(loc="outside right upper", labelspacing=0.9)
    return figure


@styled
def pr_curves(curves: Mapping[str, tuple], prevalence: float, marks: Mapping | None = None) -> Figure:
    """Draw precision-recall curves together, with the line of chance, which is the prevalence.

    Args:
        curves: By detector name `(recall, precision, aupr)`: two arrays, recall rising, and the average
            precision, a number or a dict with `value` and perhaps `low` and `high`.
        prevalence: Share of anomalies among the images: the precision of flagging at random, or everything.
        marks: By detector name `(recall, precision, label)`, as for `roc_curves`.

    Returns:
        Figure with a legend that holds the average precisions. Where all curves stay high, as they do when
        most images are anomalies, the precision axis starts above 0 and its label says where.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    need_curves(curves, "precision-recall curve")
    least = min([prevalence, *(float(np.min(precision)) for _, precision, _ in curves.values())])
    start = np.floor((least - 0.005) * 20) / 20 if least > 0.5 else 0.0
    figure, axes = _square(
        "Recall (anomalies flagged)", f"Precision (axis starts at {start:.2f})" if start else "Precision"
    )
    for (colour, dashes, _), (name, (recall, precision, area)) in zip(looks(curves), curves.items(), strict=True):
        label = f"{name}\nAUPR {_area(area)}"
        # Average precision is the area under these steps.
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=colour, linestyle=dashes, label=label)
    axes.set_ylim(start - 0.005 * (1 - start), 1 + 0.005 * (1 - start))
    _marks(axes, curves, marks)
    label = f"Chance\nAUPR {prevalence:.3f}"
    axes.axhline(prevalence, color=FAINT, linewidth=1, linestyle=(0, (1, 2)), label=label, zorder=1)
    figure.legend(loc="outside right upper", labelspacing=0.9)
    return figure


def _square(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Square axes that leave room for a legend on the right."""
    figure = Figure(figsize=(WIDTH, 3.9))
    axes = figure.add_subplot(box_aspect=1)
    axes.grid(visible=True, axis="both")
    axes.set_xlim(-0.005, 1.005)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def _area(area) -> str:
    """An area, with its interval where it has one."""
    if not isinstance(area, Mapping):
        return f"{area:.3f}"
    if area.get("low") is None or area.get("high") is None:
        return f"{area['value']:.3f}"
    return f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"


def _marks(axes: Axes, curves: Mapping, marks: Mapping | None) -> None:
    """Mark points on curves, labelled where they stand, or once in the legend if all share one label."""
    if not marks:
        return
    unknown = [name for name in marks if name not in curves]
    if unknown:
        raise ValueError(f"mark {unknown[0]!r} belongs to none of the curves: {', '.join(curves)}")
    points = [
        (name, *point) for name, given in marks.items() for point in ([given] if np.isscalar(given[0]) else given)
    ]
    looked = dict(zip(curves, looks(curves), strict=True))
    labels = {label for *_, label in points}
    for name, x, y, label in points:
        colour, _, marker = looked[name]
        axes.plot(x, y, marker, color=colour, markersize=8, markeredgecolor="white", zorder=5, clip_on=False)
        if len(labels) > 1:
            inwards = -1 if x > 0.8 else 1
            axes.annotate(
                label,
                (x, y),
                xytext=(8 * inwards, -11),
                textcoords="offset points",
                ha="left" if inwards > 0 else "right",
                fontsize=8,
                parse_math=False,
            )
    if len(labels) == 1:
        axes.add_line(Line2D([], [], linestyle="none", marker="o", color=FAINT, markersize=7, label=labels.pop()))
