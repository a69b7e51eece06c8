"""Figures of counts and of single values: class counts, the confusion matrix, shifts with their intervals."""

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lib.presentation.plots.style import (
    ANOMALY,
    FAINT,
    INK,
    NORMAL,
    NORMAL_TEXT,
    WIDTH,
    need_same_length,
    percent,
    styled,
)


@styled
def class_counts(names: Sequence[str], counts: Sequence[int], highlight: str | None = None, top: int = 10) -> Figure:
    """Draw the largest classes as bars, the normal one picked out.

    Args:
        names: Class names, k of them.
        counts: Images in each class, same order.
        highlight: The normal class. Where it is not among the largest, it joins them as one more bar.
        top: How many of the largest classes to show.

    Returns:
        Figure with one horizontal bar per class, the largest on top, its count at its end.

    Raises:
        ValueError: Lengths differ, there are no classes, or `highlight` is not among the names.
    """
    need_same_length(names, counts)
    if highlight is not None and highlight not in names:
        raise ValueError(f"normal class {highlight!r} is not among the {len(names)} classes")
    ranked = sorted(zip(counts, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    shown = ranked[:top] + [pair for pair in ranked[top:] if pair[1] == highlight]

    figure = Figure(figsize=(WIDTH, 0.55 + 0.255 * len(shown)))
    axes = figure.add_subplot()
    for place, (count, name) in enumerate(shown):
        normal = name == highlight
        axes.barh(
            place,
            count,
            height=0.72,
            facecolor=NORMAL if normal else "#F3D2BC",
            edgecolor=NORMAL if normal else ANOMALY,
            linewidth=0.8,
            hatch=None if normal else "////",
        )
        axes.annotate(
            f"{count:,}  normal class" if normal else f"{count:,}",
            (count, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=NORMAL_TEXT if normal else INK,
            fontweight="bold" if normal else "normal",
        )
    axes.set_yticks(range(len(shown)), [name for _, name in shown], parse_math=False)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    axes.set_xlim(0, max(max(counts), 1) * 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axes.set_xlabel("Images")
    return figure


@styled
def confusion(tp: int, fp: int, tn: int, fn: int) -> Figure:
    """Draw the confusion matrix: counts, and below each its share of the row.

    Args:
        tp: Anomalies that were flagged.
        fp: Normal images that were flagged.
        tn: Normal images that passed.
        fn: Anomalies that passed.

    Returns:
        Figure with truth in rows and verdict in columns, shaded by the share of the row. A row without images
        shows counts of 0 and no share.
    """
    figure = Figure(figsize=(4.3, 2.5))
    axes = figure.add_subplot()
    rows = (
        (("True negatives", tn), ("False positives", fp)),
        (("False negatives", fn), ("True positives", tp)),
    )
    for row, cells in enumerate(rows):
        total = sum(count for _, count in cells)
        for column, (name, count) in enumerate(cells):
            _cell(axes, column, row, name, count, count / total if total else None)
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], ["judged normal", "judged anomaly"])
    axes.set_yticks([0, 1], ["normal", "anomaly"])
    axes.set_xlabel("Verdict")
    axes.set_ylabel("Truth")
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _cell(axes: Axes, column: int, row: int, name: str, count: int, share: float | None) -> None:
    """Draw one cell of the confusion matrix."""
    shade = 0.9 * (share or 0.0)
    axes.bar(column, 0.96, width=0.96, bottom=row - 0.48, color=colormaps["Blues"](0.04 + shade))
    below = f"{percent(share)} of the row" if share is not None else "no images"
    for up, text, size in ((13, name, 8), (0, f"{count:,}", 12), (-14, below, 8)):
        axes.annotate(
            text,
            (column, row),
            xytext=(0, up),
            textcoords="offset points",
            ha="center",
            va="center",
            color="white" if shade > 0.55 else INK,
            fontsize=size,
            fontweight="normal" if up else "bold",
        )


@styled
def attribute_shift(
    names: Sequence[str],
    values,
    lows,
    highs,
    reference: float = 0.5,
    xlabel: str = "Probability that an image of the group has the higher value",
) -> Figure:
    """Draw a value with its interval for each of several names, around a reference: a forest plot.

    Args:
        names: What was measured, in plain words, k of them; the first is on top.
        values: Shape (k,).
        lows: Lower ends of the 95 % intervals, shape (k,).
        highs: Upper ends, shape (k,).
        reference: The value of no difference, drawn as a vertical line.
        xlabel: What the values are.

    Returns:
        Figure with one row per name: a filled marker where the interval leaves out the reference, a hollow
        one where it does not, and the numbers beside it.

    Raises:
        ValueError: Lengths differ, or there are no names.
    """
    need_same_length(names, values, lows, highs)
    figure = Figure(figsize=(WIDTH, 0.65 + 0.27 * len(names)))
    axes = figure.add_subplot()
    axes.axvline(reference, color=FAINT, linewidth=1)
    for place, (value, low, high) in enumerate(zip(values, lows, highs, strict=True)):
        clear = low > reference or high < reference
        axes.plot([low, high], [place, place], color=INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot(value, place, "o", markersize=6, color=INK, markerfacecolor=INK if clear else "white")
        axes.annotate(
            f"{value:.2f} [{low:.2f}, {high:.2f}]",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            fontweight="bold" if clear else "normal",
            annotation_clip=False,
        )
    axes.set_yticks(range(len(names)), list(names), parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    least, most = min(reference, *lows), max(reference, *highs)
    margin = 0.04 * (most - least or 1.0)
    axes.set_xlim(least - margin, most + margin)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(xlabel)
    return figure
