"""Figures made of curves: losses, the use of latent values, ROC and precision-recall curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.core.formatting import count
from lib.presentation.plots.style import (
    CHANCE_LOOK,
    FAINT,
    INK,
    WIDTH,
    check_curves,
    curve_looks,
    described,
    labelled,
    legend_above,
    log_axis,
    note,
    shortened,
    some,
    styled,
)

_LONGEST = 26  # characters of a name in a legend beside square axes
_FEW = 30  # up to so many points a curve has markers


# ---------------------------------------------------------------- training


@styled
def loss_curve(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the mean squared error by epoch.

    Args:
        history: One or more named curves, each with a value per epoch.

    Returns:
        Figure with one line per curve; a single curve has its last value beside it, several have a legend.

    Raises:
        ValueError: There is no curve, or one has no epochs.
    """
    check_curves(history)
    figure = Figure(figsize=(WIDTH, 2.4))
    axes = figure.add_subplot()
    _epochs(axes, history)
    axes.set_ylabel("Loss (mean squared error)")
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
    return described(figure, f"Line chart of the loss (mean squared error) by epoch. {_first_to_last(history)}.")


@styled
def loss_terms(history: Mapping) -> Figure:
    """Draw the terms of a VAE's loss by epoch, on a logarithmic scale.

    Args:
        history: Terms by name (`{"reconstruction": [...], "KL": [...]}`), each with a value per epoch, or such a
            mapping by model name, which gives one panel per model on a common scale. Values of zero or less, which a
            logarithmic scale cannot show, leave a gap, which the axis explains.

    Returns:
        Figure with one panel per model and one line per term.

    Raises:
        ValueError: There is no term, or one has no epochs.
    """
    nested = bool(history) and all(isinstance(terms, Mapping) for terms in history.values())
    models = history if nested else {"": history}
    for terms in models.values():
        check_curves(terms, "loss term")
    figure = Figure(figsize=(WIDTH, 2.4))
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, (name, terms) in zip(panels, models.items(), strict=True):
        _epochs(axes, terms, log=True)
        axes.set_title(shortened(name), loc="left", fontweight="bold")
    gaps = any(min(values) <= 0 for terms in models.values() for values in terms.values())
    panels[0].set_ylabel("Term of the loss (log scale" + (",\na gap is 0)" if gaps else ")"))
    log_axis(panels[0].yaxis)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    changes = [f"{name}, {_first_to_last(terms)}" if name else _first_to_last(terms) for name, terms in models.items()]
    return described(figure, f"Line chart of the terms of the loss by epoch. {some(changes, separator='. ')}.")


def _epochs(axes: Axes, curves: Mapping[str, Sequence[float]], log: bool = False) -> None:
    """Draw curves over epochs counted from 1."""
    for (colour, dashes, marker), (name, values) in zip(curve_looks(curves), curves.items(), strict=True):
        values = np.asarray(values, dtype=float)
        if log:
            values = np.where(values > 0, values, np.nan)
        epochs = np.arange(1, len(values) + 1)
        look = {"color": colour, "linestyle": dashes, "marker": marker if len(values) <= _FEW else None}
        axes.plot(epochs, values, markersize=4, label=labelled(name), **look)
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")


def _first_to_last(curves: Mapping[str, Sequence[float]]) -> str:
    """The first and the last value of curves by epoch."""
    return some(
        [
            f"{name}: {values[0]:.3g}"
            + (f" to {values[-1]:.3g}" if len(values) > 1 else "")
            + f" in {count(len(values), 'epoch')}"
            for name, values in curves.items()
        ]
    )


# ---------------------------------------------------------------- latent values


@styled
def latent_use(records: Mapping[str, Mapping], floor: float) -> Figure:
    """Draw the KL divergence of each latent value of models, the highest first.

    Args:
        records: By name of the model, a record of `lib.evaluation.comparison.latent_use`: of it are used `kl_by_value`,
            the KL divergence of each latent value in nats; `kl`, of all; and `active`, the number of active values, of
            `latent`.
        floor: The level in nats, above 0, below which a latent value carries almost no information.

    Returns:
        Figure with one line per model on a logarithmic scale; its legend has the number of values above the floor.
        Values below a hundredth of the floor, such as zero, are drawn at that level, and the axis says so. Without any
        model, a figure with one sentence that says so.

    Raises:
        ValueError: A model has no values, a value is negative or not finite, or the floor is not above 0.
    """
    if not records:
        return note("No variational autoencoder to draw.")
    check_curves({name: record["kl_by_value"] for name, record in records.items()}, "model")
    if not floor > 0:
        raise ValueError(f"floor: {floor} nats cannot be drawn on a logarithmic scale; give more than 0")
    lowest = floor / 100
    figure = Figure(figsize=(WIDTH, 2.3))
    axes = figure.add_subplot()
    clipped = False
    for (colour, dashes, marker), (name, record) in zip(curve_looks(records), records.items(), strict=True):
        values = np.sort(np.asarray(record["kl_by_value"], dtype=float))[::-1]
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"model {name!r}: each KL has to be finite and not negative")
        clipped |= bool((values < lowest).any())
        label = f"{labelled(name)} ({np.sum(values > floor):,} of {values.size:,} above)"
        look = {"color": colour, "linestyle": dashes, "marker": marker if values.size <= _FEW else None}
        axes.plot(np.arange(1, values.size + 1), np.maximum(values, lowest), markersize=4, label=label, **look)
    label = f"{floor:g} nats: below it, a value carries almost no information"
    axes.axhline(floor, color=INK, linewidth=0.8, linestyle=(0, (1, 1)), label=label, zorder=1)
    axes.set_yscale("log")
    top = max(axes.get_ylim()[1], 2 * floor)
    axes.set_ylim(lowest / 1.5 if clipped else min(axes.get_ylim()[0], floor / 2), top)
    log_axis(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.set_xlabel("Latent values of a model, the one with the highest KL first")
    axes.set_ylabel(
        f"KL in nats (log scale,\nall below {lowest:g} at {lowest:g})" if clipped else "KL in nats (log scale)"
    )
    legend_above(figure, *axes.get_legend_handles_labels())
    items = [
        f"{name}: {record['kl']:.3g} nats in all, {record['active']:,} of {record['latent']:,} values active"
        for name, record in records.items()
    ]
    return described(
        figure,
        f"Line chart of the KL divergence of each latent value, the highest first. {some(items)}.",
    )


# ---------------------------------------------------------------- evaluation


@styled
def roc_curves(curves: Mapping[str, tuple], marks: Mapping | None = None) -> Figure:
    """Draw ROC curves together, with the diagonal of chance.

    Args:
        curves: By detector name `(fpr, tpr, auroc)`: two arrays from 0 to 1 and the area, a number or a mapping with
            `value` and optionally `low` and `high`.
        marks: By detector name `(fpr, tpr, label)`, the decision at a threshold, or a list of such. Marks that all have
            the same label are named once, in the legend.

    Returns:
        Figure with square axes and a legend with the areas.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    check_curves(curves, "ROC curve")
    figure, axes = _square("Normal images flagged (FPR)", "Anomalies flagged (TPR)")
    for (colour, dashes, _), (name, (fpr, tpr, area)) in zip(curve_looks(curves), curves.items(), strict=True):
        axes.plot(fpr, tpr, color=colour, linestyle=dashes, label=f"{labelled(name, _LONGEST)}\nAUROC {_area(area)}")
    axes.set_ylim(-0.005, 1.005)
    points = _marks(axes, curves, marks)
    axes.plot([0, 1], [0, 1], label="Chance\nAUROC 0.500", **CHANCE_LOOK)
    figure.legend(loc="outside right upper", labelspacing=0.9)
    areas = some([f"{name}: {_area(area)}" for name, (_, _, area) in curves.items()])
    at = [
        f" {name}, {label}: false positive rate {fpr:.3f}, true positive rate {tpr:.3f}."
        for name, fpr, tpr, label in points
    ]
    return described(
        figure, f"ROC {_curves(curves)} and the diagonal of chance. AUROC of {areas}.{some(at, separator='')}"
    )


@styled
def pr_curves(curves: Mapping[str, tuple], prevalence: float, marks: Mapping | None = None) -> Figure:
    """Draw precision-recall curves together, with the line of chance, which is the prevalence.

    Args:
        curves: By detector name `(recall, precision, aupr)`: two arrays, recall rising, and the average precision, a
            number or a mapping with `value` and optionally `low` and `high`.
        prevalence: Share of anomalies among the images: the precision of flagging at random, or of flagging all.
        marks: By detector name `(recall, precision, label)`, as for `roc_curves`.

    Returns:
        Figure with a legend with the average precisions. If all curves stay high, as they do if most images are
        anomalies, the precision axis starts above 0 and its label says where.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    check_curves(curves, "precision-recall curve")
    least = min([prevalence, *(float(np.min(precision)) for _, precision, _ in curves.values())])
    start = np.floor((least - 0.005) * 20) / 20 if least > 0.5 else 0.0
    figure, axes = _square(
        "Recall (anomalies flagged)", f"Precision (axis starts at {start:.2f})" if start else "Precision"
    )
    for (colour, dashes, _), (name, (recall, precision, area)) in zip(curve_looks(curves), curves.items(), strict=True):
        label = f"{labelled(name, _LONGEST)}\nAUPR {_area(area)}"
        # Average precision is the area under these steps.
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=colour, linestyle=dashes, label=label)
    axes.set_ylim(start - 0.005 * (1 - start), 1 + 0.005 * (1 - start))
    points = _marks(axes, curves, marks)
    axes.axhline(prevalence, label=f"Chance\nAUPR {prevalence:.3f}", **CHANCE_LOOK)
    figure.legend(loc="outside right upper", labelspacing=0.9)
    areas = some([f"{name}: {_area(area)}" for name, (_, _, area) in curves.items()])
    at = [
        f" {name}, {label}: recall {recall:.3f}, precision {precision:.3f}."
        for name, recall, precision, label in points
    ]
    return described(
        figure,
        f"Precision-recall {_curves(curves)}. AUPR of {areas}; chance: {prevalence:.3f}.{some(at, separator='')}",
    )


def _curves(curves: Mapping) -> str:
    return "curve" if len(curves) == 1 else f"curves of {len(curves)} detectors"


def _square(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Square axes that leave room for a legend on the right."""
    figure = Figure(figsize=(WIDTH, 3.4))
    axes = figure.add_subplot(box_aspect=1)
    axes.grid(visible=True, axis="both")
    axes.set_xlim(-0.005, 1.005)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def _area(area) -> str:
    """An area, with its interval if it has one."""
    if not isinstance(area, Mapping):
        return f"{area:.3f}"
    if area.get("low") is None or area.get("high") is None:
        return f"{area['value']:.3f}"
    return f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"


def _marks(axes: Axes, curves: Mapping, marks: Mapping | None) -> list[tuple]:
    """Mark points on curves and return them; each has its label beside it, or the legend has the one label of all."""
    marks = marks or {}
    if unknown := [name for name in marks if name not in curves]:
        raise ValueError(f"mark {unknown[0]!r} belongs to none of the curves: {', '.join(curves)}")
    points = [
        (name, *point) for name, given in marks.items() for point in ([given] if np.isscalar(given[0]) else given)
    ]
    look_of = dict(zip(curves, curve_looks(curves), strict=True))
    labels = {label for *_, label in points}
    for name, x, y, label in points:
        colour, _, marker = look_of[name]
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
            )
    if len(labels) == 1:
        axes.add_line(
            Line2D([], [], linestyle="none", marker="o", color=FAINT, markersize=7, label=labelled(labels.pop()))
        )
    return points
