"""Figures of a sweep: mean ranks with the detectors that do not clearly differ, and a map of every study."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.core.formatting import count
from lib.presentation.plots.rows import figure_of_rows, write_beside
from lib.presentation.plots.style import (
    INK,
    NORMAL,
    WIDTH,
    curve_looks,
    described,
    labelled,
    legend_above,
    shortened,
    some,
    styled,
)

MOST_STUDIES, MOST_DETECTORS = 36, 8  # rows and columns of a map
LONGEST = 30  # characters of the name of a column


@styled
def mean_ranks(names: Sequence[str], ranks: Sequence[float], groups: Sequence[tuple[int, int]]) -> Figure:
    """Draw mean ranks, the best on top, and a bar beside detectors that do not clearly differ.

    It says the same as a critical-difference diagram (Demšar, Statistical comparisons of classifiers over multiple data
    sets, 2006), with a row for each name.

    Args:
        names: Of k detectors, the best mean rank first.
        ranks: Their mean ranks, in the same order.
        groups: First and last place of each bar; see `lib.evaluation.rankings`.
    """
    figure, axes = figure_of_rows(names, head=0.6)
    axes.plot(ranks, range(len(names)), "o", color=NORMAL, markersize=6)
    for place, value in enumerate(ranks):
        write_beside(axes, place, f"{value:.2f}")
    step = (len(names) - 1 or 1) * 0.03
    for number, (first, last) in enumerate(groups):
        x = len(names) + step * (1 + number)
        axes.plot([x, x], [first - 0.25, last + 0.25], color=INK, linewidth=3, solid_capstyle="butt")
    axes.set_xlim(0.9, len(names) + step * (len(groups) + 1.5))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, prune=None))
    axes.set_xlabel("Mean rank (1 is best)")
    runs = [f"{names[first]} to {names[last]}" for first, last in groups]
    return described(
        figure,
        f"Dot chart of the mean rank of {count(len(names), 'detector')}, the best first. "
        f"{some([f'{name}: {value:.2f}' for name, value in zip(names, ranks, strict=True)])}. "
        + (f"Bars: no clear difference within {some(runs)}." if runs else "Every two of them clearly differ."),
    )


@styled
def by_setting(setting: str, places: Sequence[float], curves: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Draw how the mean AUROC of each detector depends on a setting.

    Args:
        setting: Its name, for the axis.
        places: Its values, k of them, rising.
        curves: By the name of a detector, its mean AUROC at each value, k metrics with `value` and, where there are two
            studies or more, `low` and `high`.
    """
    figure = Figure(figsize=(WIDTH, 3.0))
    axes = figure.add_subplot()
    for (name, means), (colour, dashes, marker) in zip(curves.items(), curve_looks(curves), strict=True):
        look = {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 4, "linewidth": 1.5}
        axes.plot(range(len(places)), [mean["value"] for mean in means], label=labelled(name), **look)
        if all("low" in mean for mean in means):
            ends = [mean["low"] for mean in means], [mean["high"] for mean in means]
            axes.fill_between(range(len(places)), *ends, color=colour, alpha=0.12, linewidth=0)
    axes.set_xticks(range(len(places)), [f"{place:g}" for place in places])
    axes.set_xlabel(setting)
    axes.set_ylabel("Mean AUROC")
    legend_above(figure, *axes.get_legend_handles_labels())
    items = [
        f"{name}: {means[0]['value']:.3f} at {places[0]:g}, {means[-1]['value']:.3f} at {places[-1]:g}"
        for name, means in curves.items()
    ]
    return described(
        figure,
        f"Line chart of the mean AUROC of {count(len(curves), 'detector')} at {count(len(places), 'value')} of "
        f"{setting}, with 95 % intervals over the studies. {some(items)}.",
    )


@styled
def by_study(studies: Sequence[str], names: Sequence[str], values: np.ndarray, what: str = "AUROC") -> Figure:
    """Draw the value of each detector in each study as a map with numbers.

    Args:
        studies: Names of n studies, the worst first; of more than `MOST_STUDIES` the first are drawn.
        names: Of k detectors, the best first; of more than `MOST_DETECTORS` the first are drawn.
        values: float (n, k) in [0, 1]; NaN where there is none.
        what: The value, for the alternative text.
    """
    shown = np.asarray(values, float)[:MOST_STUDIES, :MOST_DETECTORS]
    rows, columns = shown.shape
    figure = Figure(figsize=(WIDTH, 1.7 + 0.2 * rows))
    axes = figure.add_subplot()
    least = min(0.5, float(np.nanmin(shown))) if np.isfinite(shown).any() else 0.5
    axes.imshow(shown, aspect="auto", cmap="cividis", vmin=least, vmax=1)
    for row in range(rows):
        for column in range(columns):
            value = shown[row, column]
            dark = not np.isfinite(value) or (value - least) / (1 - least) > 0.55
            text = f"{value:.3f}" if np.isfinite(value) else "–"
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=INK if dark else "white")
    axes.set_yticks(range(rows), [shortened(name) for name in studies[:rows]], fontsize=7)
    axes.set_xticks(range(columns), [shortened(name, LONGEST) for name in names[:columns]], fontsize=7, rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    worst = [f"{study}: {np.nanmax(line):.3f}" for study, line in zip(studies, shown, strict=False)]
    return described(
        figure,
        f"Map of the {what} of {count(columns, 'detector')} in {count(rows, 'study', 'studies')}, the lowest first. "
        f"The best of each study: {some(worst)}.",
    )
