"""Figures that compare rows with their intervals: detectors, classes of anomalies, seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_TEXT,
    FAINT,
    INK,
    NORMAL,
    NORMAL_TEXT,
    WIDTH,
    need_curves,
    need_same_length,
    note,
    percent,
    percent_axis,
    styled,
)

_ROW = 0.235  # inches that a row takes


@styled
def by_class(frame: pandas.DataFrame, n: int = 10) -> Figure:
    """Draw the recall of the classes of anomalies that are hardest and easiest to catch.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns, the hardest class first.
        n: How many of either end; with at most twice as many classes, all are drawn.

    Returns:
        Figure with one row per class, the hardest on top: a dot at its recall, its 95 % interval as whiskers, and
        at its side how many images it has. A vertical line is the recall of all anomalies together, and a row
        without a dot says how many classes are left out. Without any class, a note that says so.

    Raises:
        ValueError: n is less than 1.
    """
    if n < 1:
        raise ValueError(f"n: {n} classes at either end are too few to draw")
    if frame.empty:
        return note("There are no anomalies, and so no classes of them.")
    left_out = len(frame) - 2 * n
    rows = list(frame.to_dict("records"))
    shown: list[dict | None] = rows if left_out <= 0 else [*rows[:n], None, *rows[-n:]]

    figure = Figure(figsize=(WIDTH, 0.75 + _ROW * len(shown)))
    axes = figure.add_subplot()
    whole = frame["caught"].sum() / frame["n"].sum()
    axes.axvline(whole, color=FAINT, linewidth=1, linestyle=(0, (4, 2)), label=f"All anomalies, {percent(whole)}")
    for place, row in enumerate(shown):
        if row is None:
            axes.text(0.5, place, f"{_classes(left_out)} between", ha="center", va="center", **_SIDE | _GAP)
            continue
        _whisker(axes, place, row["recall"], row["recall_low"], row["recall_high"], ANOMALY)
        _beside(axes, place, f"n = {row['n']:,}")
    names = ["" if row is None else str(row["class"]) for row in shown]
    _rows(axes, names)
    axes.set_xlim(-0.02, 1.02)
    percent_axis(axes.xaxis)
    axes.set_xlabel("Recall: share of the class that is flagged")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    return figure


@styled
def references(names: Sequence[str], values, lows, highs, highlight: str | None = None) -> Figure:
    """Draw the AUROC of detectors with their intervals under each other: a forest plot.

    Args:
        names: Printed names, k of them; the first is on top.
        values: AUROC of each, shape (k,).
        lows: Lower ends of the 95 % intervals, shape (k,).
        highs: Upper ends, shape (k,).
        highlight: The detector that the others are compared with: drawn as a square in blue, with a line of its
            value down the figure.

    Returns:
        Figure with one row per detector, its numbers beside it, and the line of chance.

    Raises:
        ValueError: Lengths differ, there are no names, or `highlight` is not among them.
    """
    need_same_length(names, values, lows, highs)
    if highlight is not None and highlight not in names:
        raise ValueError(f"detector {highlight!r} is not among {', '.join(names)}")
    figure = Figure(figsize=(WIDTH, 0.95 + _ROW * len(names)))
    axes = figure.add_subplot()
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle=(0, (1, 2)), label="Chance")
    for place, (name, value, low, high) in enumerate(zip(names, values, lows, highs, strict=True)):
        ours = name == highlight
        if ours:
            axes.axvline(value, color=NORMAL, linewidth=1, linestyle=(0, (4, 2)), label=name, zorder=1)
        _whisker(axes, place, value, low, high, NORMAL if ours else INK, "s" if ours else "o")
        look = {"fontweight": "bold", "color": NORMAL_TEXT} if ours else {}
        _beside(axes, place, f"{value:.3f} [{low:.3f}, {high:.3f}]", **look)
    _rows(axes, list(names))
    axes.set_xlim(*_span([0.5, *lows, *highs]))
    axes.set_xlabel("AUROC")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


@styled
def seed_spread(values: Mapping[str, Sequence[float] | Mapping[int, float]], xlabel: str = "AUROC") -> Figure:
    """Draw how much a figure changes with the seed alone: one dot per seed, one row per detector.

    Args:
        values: By detector, the figure for each seed: a sequence, or a mapping by seed.
        xlabel: What the figure is.

    Returns:
        Figure with a tick at each mean, and mean, standard deviation (of two seeds or more) and number of seeds at
        the side.

    Raises:
        ValueError: There is no detector, or one has no seeds.
    """
    need_curves(values, "detector")
    figure = Figure(figsize=(WIDTH, 0.7 + 0.36 * len(values)))
    axes = figure.add_subplot()
    pooled: list[float] = []
    for place, seeds in enumerate(values.values()):
        found = np.asarray(list(seeds.values() if isinstance(seeds, Mapping) else seeds), dtype=float)
        pooled += found.tolist()
        # Neighbours stand above each other, so that equal seeds are seen as two.
        offsets = 0.14 * (np.arange(found.size) % 3 - 1) if found.size > 1 else np.zeros(1)
        order = np.argsort(found, kind="stable")
        axes.plot([found.mean()] * 2, [place - 0.34, place + 0.34], color=ANOMALY, linewidth=1.8, zorder=2)
        axes.plot(
            found[order], place + offsets, "o", color=INK, markerfacecolor="white", markersize=4.5, alpha=0.9, zorder=3
        )
        spread = f" ± {found.std(ddof=1):.4f}" if found.size > 1 else ""
        seeds_said = f"{found.size} seed" + ("s" if found.size > 1 else "")
        _beside(axes, place, f"{found.mean():.4f}{spread} ({seeds_said})", color=ANOMALY_TEXT)
    _rows(axes, list(values))
    axes.set_xlim(*_span(pooled, least=0.004))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(f"{xlabel}: a dot for each seed, a line at their mean")
    return figure


# ---------------------------------------------------------------- rows

_SIDE = {"fontsize": 8}
_GAP = {"color": FAINT, "style": "italic"}


def _whisker(
    axes: Axes, place: int, value: float, low: float, high: float, color: str, marker: str = "o", hollow: bool = False
) -> None:
    """Draw a value with its interval in a row."""
    axes.plot([low, high], [place, place], color=color, linewidth=1.4, solid_capstyle="butt", zorder=2)
    look = {"markerfacecolor": "white"} if hollow else {"markeredgecolor": "white", "markeredgewidth": 0.6}
    axes.plot(value, place, marker, markersize=5 if hollow else 5.5, color=color, zorder=3, **look)


def _beside(axes: Axes, place: int, text: str, **look) -> None:
    """Write at the right-hand end of a row, outside the axes."""
    axes.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
        **_SIDE | look,
    )


def _rows(axes: Axes, names: list[str]) -> None:
    """Name the rows, the first on top; a row without a name has no tick."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def _span(values, least: float = 0.0) -> tuple[float, float]:
    """Limits that leave a margin around values, and span at least so much."""
    low, high = float(np.min(values)), float(np.max(values))
    width = max(high - low, least)
    margin = (width - (high - low)) / 2 + 0.05 * (width or 1.0)
    return low - margin, high + margin


def _classes(count: int) -> str:
    return f"{count:,} class" + ("es" if count > 1 else "")
