"""Figures of counts: classes, and the confusion matrix."""

from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lib.core.formatting import count, percent
from lib.presentation.plots.style import (
    ANOMALY,
    INK,
    NORMAL,
    NORMAL_TEXT,
    WIDTH,
    check_same_length,
    described,
    shortened,
    some,
    styled,
)


@styled
def class_counts(names: Sequence[str], counts: Sequence[int], highlight: str | None = None, top: int = 10) -> Figure:
    """Draw the largest classes as bars, the normal class in its own colour.

    Args:
        names: Class names, k of them.
        counts: Images in each class, same order.
        highlight: The normal class. If it is not among the largest, it is one more bar.
        top: The number of largest classes.

    Returns:
        Figure with one horizontal bar per class, the largest on top, with its count.

    Raises:
        ValueError: Lengths differ, there are no classes, or `highlight` is not among the names.
    """
    check_same_length(names, counts)
    if highlight is not None and highlight not in names:
        raise ValueError(f"normal class {highlight!r} is not among the {len(names)} classes")
    ranked = sorted(zip(counts, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    largest = ranked[:top] + [pair for pair in ranked[top:] if pair[1] == highlight]

    figure = Figure(figsize=(WIDTH, 0.55 + 0.255 * len(largest)))
    axes = figure.add_subplot()
    for place, (images, name) in enumerate(largest):
        normal = name == highlight
        axes.barh(
            place,
            images,
            height=0.72,
            facecolor=NORMAL if normal else "#F3D2BC",
            edgecolor=NORMAL if normal else ANOMALY,
            linewidth=0.8,
            hatch=None if normal else "////",
        )
        axes.annotate(
            f"{images:,}  normal class" if normal else f"{images:,}",
            (images, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=NORMAL_TEXT if normal else INK,
            fontweight="bold" if normal else "normal",
        )
    axes.set_yticks(range(len(largest)), [shortened(name) for _, name in largest])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    axes.set_xlim(0, max(max(counts), 1) * 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axes.set_xlabel("Images")
    items = [f"{name}: {images:,}" for images, name in largest]
    normal_class = f" Normal class {items[[name for _, name in largest].index(highlight)]}." if highlight else ""
    return described(
        figure,
        f"Bar chart of the number of images in {len(largest)} of {count(len(ranked), 'class', 'classes')}, the largest "
        f"first. {some(items)}.{normal_class}",
    )


@styled
def confusion(counts: Mapping) -> Figure:
    """Draw the confusion matrix: counts, and below each its share of the row.

    Args:
        counts: What `lib.evaluation.metrics.at_threshold` returns, or the four counts alone: `tp`, flagged anomalies;
            `fp`, flagged normal images; `tn`, normal images not flagged; `fn`, anomalies not flagged.

    Returns:
        Figure with the true class in rows and the decision in columns, shaded by the share of the row. A row without
        images has counts of 0 and no shares.
    """
    figure = Figure(figsize=(4.3, 2.5))
    axes = figure.add_subplot()
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    rows = (("True negatives", tn), ("False positives", fp)), (("False negatives", fn), ("True positives", tp))
    for row, cells in enumerate(rows):
        total = sum(images for _, images in cells)
        for column, (name, images) in enumerate(cells):
            _cell(axes, column, row, name, images, images / total if total else None)
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], ["normal", "anomaly"])
    axes.set_yticks([0, 1], ["normal", "anomaly"])
    axes.set_xlabel("Decision")
    axes.set_ylabel("True class")
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return described(
        figure,
        f"Confusion matrix: of {count(tn + fp, 'normal image')}, {tn:,} true negatives and {fp:,} false positives; of "
        f"{count(tp + fn, 'anomaly', 'anomalies')}, {fn:,} false negatives and {tp:,} true positives.",
    )


def _cell(axes: Axes, column: int, row: int, name: str, images: int, share: float | None) -> None:
    """Draw one cell of the confusion matrix."""
    shade = 0.9 * (share or 0.0)
    axes.bar(column, 0.96, width=0.96, bottom=row - 0.48, color=colormaps["Blues"](0.04 + shade))
    below = "no images" if share is None else f"{percent(share)} of the row"
    for up, text, size in ((13, name, 8), (0, f"{images:,}", 12), (-14, below, 8)):
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
