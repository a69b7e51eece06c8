"""Figures with a row for each value and its interval: classes of anomalies, detectors, differences, seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.core.formatting import count, percent, signed
from lib.presentation.plots.rows import figure_of_rows, write_beside, write_gap
from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_TEXT,
    CHANCE_LOOK,
    FAINT,
    INK,
    NORMAL,
    NORMAL_TEXT,
    check_curves,
    checked_rows,
    described,
    dot_look,
    family_looks,
    labelled,
    legend_above,
    note,
    percent_axis,
    shortened,
    some,
    styled,
)

MOST = 25  # detectors in a figure

_DASHES = (0, (4, 2))


@styled
def by_class(frame: pandas.DataFrame, n: int = 10) -> Figure:
    """Draw the recall of the classes of anomalies with the lowest and the highest recall.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns, the hardest class first.
        n: The number of classes at either end; with at most twice as many classes, all are drawn.

    Returns:
        Figure with one row per class, the hardest on top: a dot at its recall, its 95 % interval as whiskers, and the
        number of its images. A vertical line is the recall of all anomalies together, and a row without a dot has the
        number of classes left out. Without any class, a figure with one sentence that says so.

    Raises:
        ValueError: n is less than 1.
    """
    if n < 1:
        raise ValueError(f"n: {n} classes at either end are too few to draw")
    if frame.empty:
        return note("There are no anomalies, and so no classes of them.")
    left_out = max(len(frame) - 2 * n, 0)
    rows: list[dict | None] = list(frame.to_dict("records"))
    if left_out:
        rows[n:-n] = [None]

    figure, axes = figure_of_rows(["" if row is None else str(row["class"]) for row in rows], head=0.75)
    recall = frame["caught"].sum() / frame["n"].sum()
    axes.axvline(recall, color=FAINT, linewidth=1, linestyle=_DASHES, label=f"All anomalies, {percent(recall)}")
    for place, row in enumerate(rows):
        if row is None:
            write_gap(axes, place, f"{count(left_out, 'class', 'classes')} between")
            continue
        _whisker(axes, place, row["recall"], row["recall_low"], row["recall_high"], ANOMALY)
        write_beside(axes, place, f"n = {row['n']:,}")
    axes.set_xlim(-0.02, 1.02)
    percent_axis(axes.xaxis)
    axes.set_xlabel("Recall: share of the class that is flagged")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    items = [f"{row['class']}: {percent(row['recall'])} of {row['n']:,}" for row in frame.to_dict("records")]
    listed = (
        some(items)
        if len(items) <= 8
        else f"The lowest are {'; '.join(items[:4])}. The highest are {'; '.join(items[-4:])}"
    )
    return described(
        figure,
        f"Dot chart of the recall of {count(len(frame), 'class', 'classes')} of anomalies, with 95 % intervals. "
        f"{listed}. All anomalies: {percent(recall)} of {frame['n'].sum():,}.",
    )


@styled
def leaderboard(rows: Mapping[str, Mapping] | Sequence[Mapping], highlight: str | None = None) -> Figure:
    """Draw the AUROC of detectors with their intervals under each other, the highest on top: a forest plot.

    Args:
        rows: Rows of `lib.evaluation.comparison.leaderboard`, or rows by name: `name`, `family` and `auroc`, a mapping
            with `value`, `low` and `high`. The 25 highest are drawn, and the highlighted one.
        highlight: Name of the detector to compare with: printed in blue, with a line at its AUROC down the figure.

    Returns:
        Figure with one row per detector, its numbers beside it, and the line of chance. Each family has its colour and
        marker. Rows without a dot have the number of detectors left out.

    Raises:
        ValueError: There are no rows, a number is not finite, or `highlight` is not among the names.
    """
    ranked = sorted(checked_rows(rows, "auroc"), key=lambda row: -row["auroc"]["value"])
    names = [row["name"] for row in ranked]
    if highlight is not None and highlight not in names:
        raise ValueError(f"detector {highlight!r} is not among {some(names)}")
    place_of_highlight = names.index(highlight) if highlight is not None else 0
    drawn: list[dict | int] = list(ranked[:MOST])  # a number is that of the detectors left out
    if place_of_highlight >= MOST:
        drawn += [place_of_highlight - MOST, ranked[place_of_highlight]]
    last = max(place_of_highlight + 1, MOST)
    drawn = [row for row in [*drawn, len(ranked[last:])] if row != 0]

    figure, axes = figure_of_rows(["" if isinstance(row, int) else row["name"] for row in drawn], head=0.65)
    axes.axvline(0.5, label="chance", **CHANCE_LOOK)
    looks = family_looks([_family(row) for row in drawn if not isinstance(row, int)])
    for family, (colour, marker) in looks.items():
        axes.plot([], [], marker, color=colour, label=labelled(family), **dot_look(marker))
    ends = [0.5]
    for place, row in enumerate(drawn):
        if isinstance(row, int):
            write_gap(axes, place, f"{count(row, 'detector')} left out")
            continue
        value, low, high = (row["auroc"][key] for key in ("value", "low", "high"))
        ends += [low, high]
        emphasis = {}
        if row["name"] == highlight:
            emphasis = {"fontweight": "bold", "color": NORMAL_TEXT}
            label = f"AUROC of {shortened(highlight)}"
            axes.axvline(value, color=NORMAL, linewidth=1, linestyle=_DASHES, label=label, zorder=1)
            axes.get_yticklabels()[place].set(**emphasis)
        _whisker(axes, place, value, low, high, *looks[_family(row)])
        write_beside(axes, place, _with_interval(row["auroc"]), **emphasis)
    axes.set_xlim(*_span(ends))
    axes.set_xlabel("AUROC")
    legend_above(figure, *axes.get_legend_handles_labels())
    items = [f"{row['name']}: {_with_interval(row['auroc'])}" for row in ranked]
    left_out = sum(row for row in drawn if isinstance(row, int))
    return described(
        figure,
        f"Dot chart of the AUROC of {count(len(ranked), 'detector')} with 95 % intervals, the highest first. "
        f"{some(items)}."
        + (f" Highlighted, at place {place_of_highlight + 1}, {items[place_of_highlight]}." if highlight else "")
        + (f" {count(left_out, 'detector')} left out of the chart." if left_out else ""),
    )


@styled
def differences(rows: Mapping[str, Mapping] | Sequence[Mapping], noise: float | None = None) -> Figure:
    """Draw differences of AUROC to a baseline under each other: a forest plot around 0.

    Args:
        rows: Rows of `lib.evaluation.comparison.leaderboard`, or rows by name: `name` and `difference`, a mapping with
            `value`, `low` and `high`. Rows whose difference is None are left out; a single one is the baseline. Of more
            than 25 differences the highest are drawn.
        noise: By how much the AUROC varies with the seed alone, 0 or more; drawn as a band on either side of 0.

    Returns:
        Figure with one row per difference in the order given, its numbers beside it. The dot is hollow if the interval
        includes 0. Without any difference, a figure with one sentence that says so.

    Raises:
        ValueError: A number is not finite, or the noise is negative.
    """
    if noise is not None and not noise >= 0:
        raise ValueError(f"noise: {noise} is not a spread; give 0 or more")
    rows = checked_rows(rows) if rows else []
    baselines = [row["name"] for row in rows if row.get("difference") is None]
    rows = [row for row in rows if row.get("difference") is not None]
    if not rows:
        return note("No difference to a baseline to draw.")
    checked_rows(rows, "difference")
    lowest = sorted((row["difference"]["value"] for row in rows), reverse=True)[:MOST][-1]
    drawn = [row for row in rows if row["difference"]["value"] >= lowest][:MOST]
    left_out = len(rows) - len(drawn)

    figure, axes = figure_of_rows([*(row["name"] for row in drawn), *[""] * bool(left_out)], head=0.95)
    if noise is not None:
        axes.axvspan(-noise, noise, color="#E4E4E4", linewidth=0, label="spread of seeds", zorder=0)
    axes.axvline(0, color=FAINT, linewidth=1, linestyle=_DASHES, label="no difference", zorder=1)
    for place, row in enumerate(drawn):
        value, low, high = (row["difference"][key] for key in ("value", "low", "high"))
        _whisker(axes, place, value, low, high, INK, hollow=low <= 0 <= high)
        write_beside(axes, place, _with_interval(row["difference"], sign=True))
    if left_out:
        write_gap(axes, len(drawn), f"{count(left_out, 'detector')} with lower values left out")
    spread = noise or 0.0
    ends = [row["difference"][key] for row in drawn for key in ("low", "high")]
    axes.set_xlim(*_span([0.0, -spread, spread, *ends], least=0.004))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    baseline = baselines[0] if len(baselines) == 1 else "the baseline"
    axes.set_xlabel(f"AUROC minus that of {shortened(baseline)} (positive = better)")
    legend_above(figure, *axes.get_legend_handles_labels())
    items = [f"{row['name']}: {_with_interval(row['difference'], sign=True)}" for row in drawn]
    return described(
        figure,
        f"Dot chart of the AUROC of {count(len(rows), 'detector')} minus that of {baseline}, with 95 % intervals. "
        f"{some(items)}."
        + ("" if noise is None else f" Spread of seeds: ±{noise:.3f}.")
        + (f" {count(left_out, 'detector')} with lower values left out of the chart." if left_out else ""),
    )


@styled
def seed_spread(values: Mapping[str, Sequence[float] | Mapping[int, float]], xlabel: str = "AUROC") -> Figure:
    """Draw by how much a metric varies with the seed alone: one dot per seed, one row per detector.

    Args:
        values: By detector, the metric for each seed: a sequence, or a mapping by seed.
        xlabel: The name of the metric.

    Returns:
        Figure with a tick at each mean, and beside each row mean, standard deviation (of two seeds or more) and number
        of seeds.

    Raises:
        ValueError: There is no detector, or one has no seeds.
    """
    check_curves(values, "detector")
    figure, axes = figure_of_rows(list(values), head=0.7, row=0.36)
    pooled: list[float] = []
    items = []
    for place, (name, by_seed) in enumerate(values.items()):
        metric = np.asarray(list(by_seed.values() if isinstance(by_seed, Mapping) else by_seed), dtype=float)
        pooled += metric.tolist()
        # Neighbours are drawn at different heights, so that equal values are seen as two.
        offsets = 0.14 * (np.arange(metric.size) % 3 - 1) if metric.size > 1 else np.zeros(1)
        look = {"color": INK, "markerfacecolor": "white", "markersize": 4.5, "alpha": 0.9, "zorder": 3}
        axes.plot([metric.mean()] * 2, [place - 0.34, place + 0.34], color=ANOMALY, linewidth=1.8, zorder=2)
        axes.plot(np.sort(metric), place + offsets, "o", **look)
        spread = f" ± {metric.std(ddof=1):.4f}" if metric.size > 1 else ""
        summary = f"{metric.mean():.4f}{spread} ({count(metric.size, 'seed')})"
        write_beside(axes, place, summary, color=ANOMALY_TEXT)
        extent = f", {metric.min():.4f} to {metric.max():.4f}" if metric.size > 1 else ""
        items.append(f"{name}: mean {summary}{extent}")
    axes.set_xlim(*_span(pooled, least=0.004))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(f"{xlabel}: a dot for each seed, a line at their mean")
    return described(figure, f"Dot chart of the {xlabel} by seed. {some(items)}.")


# ---------------------------------------------------------------- rows


def _whisker(
    axes: Axes, place: int, value: float, low: float, high: float, color: str, marker: str = "o", hollow: bool = False
) -> None:
    """Draw a value with its interval in a row."""
    axes.plot([low, high], [place, place], color=color, linewidth=1.4, solid_capstyle="butt", zorder=2)
    look = {"markerfacecolor": "white", "markersize": 5} if hollow else dot_look(marker)
    axes.plot(value, place, marker, color=color, zorder=3, **look)


def _family(row: Mapping) -> str:
    return row.get("family") or "other"


def _with_interval(metric: Mapping, sign: bool = False) -> str:
    value, low, high = (signed(metric[key], 3) if sign else f"{metric[key]:.3f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _span(values, least: float = 0.0) -> tuple[float, float]:
    """Limits with a margin around values, at least so far from each other."""
    low, high = float(np.min(values)), float(np.max(values))
    width = max(high - low, least)
    margin = (width - (high - low)) / 2 + 0.05 * (width or 1.0)
    return low - margin, high + margin
