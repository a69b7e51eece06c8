"""Figures of what changing a detector does: to its AUROC, and to what its latent values carry."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.presentation.plots.comparisons import _ROW, _beside, _rows, _span, _whisker
from lib.presentation.plots.style import FAINT, INK, WIDTH, log_axis, looks, need_curves, need_same_length, styled

_TALLEST = 8.8  # inches: a page with its caption


@styled
def differences(
    names: Sequence[str],
    values,
    lows,
    highs,
    noise: float | None = None,
    groups: Sequence[str] | None = None,
    baseline: str = "the published detector",
) -> Figure:
    """Draw differences of AUROC to a baseline under each other: a forest plot around 0.

    Args:
        names: What was changed, k of them; the first is on top. Up to 30 fit a page.
        values: AUROC of each minus that of the baseline, shape (k,).
        lows: Lower ends of the 95 % intervals, shape (k,).
        highs: Upper ends, shape (k,).
        noise: How far the AUROC moves with the seed alone, 0 or more: a band to either side of 0.
        groups: What each belongs to, k of them; wherever it changes, a row of its own says the new one.
        baseline: What the differences are to, in words.

    Returns:
        Figure with one row per name, its numbers beside it. The dot is hollow where the interval holds 0.

    Raises:
        ValueError: Lengths differ, there are no names, or the noise is negative.
    """
    need_same_length(names, values, lows, highs, *([] if groups is None else [groups]))
    if noise is not None and not noise >= 0:
        raise ValueError(f"noise: {noise} is no spread; give 0 or more")
    rows: list[str] = []
    places, headings = [], []
    for one, name in enumerate(names):
        if groups is not None and (one == 0 or groups[one] != groups[one - 1]):
            headings.append(len(rows))
            rows.append(str(groups[one]))
        places.append(len(rows))
        rows.append(name)
    figure = Figure(figsize=(WIDTH, min(0.95 + _ROW * len(rows), _TALLEST)))
    axes = figure.add_subplot()
    if noise is not None:
        axes.axvspan(-noise, noise, color="#E4E4E4", linewidth=0, label="spread of seeds", zorder=0)
    axes.axvline(0, color=FAINT, linewidth=1, linestyle=(0, (4, 2)), label="no difference", zorder=1)
    for place, value, low, high in zip(places, values, lows, highs, strict=True):
        _whisker(axes, place, value, low, high, INK, hollow=low <= 0 <= high)
        _beside(axes, place, f"{_signed(value)} [{_signed(low)}, {_signed(high)}]")
    _rows(axes, rows)
    for place in headings:
        axes.get_yticklabels()[place].set(fontweight="bold", style="italic")
        if place:
            axes.axhline(place - 0.5, color="#BBBBBB", linewidth=0.6, zorder=1)
    spread = noise or 0.0
    axes.set_xlim(*_span([0.0, -spread, spread, *lows, *highs], least=0.004))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(f"Difference of AUROC to {baseline} (positive = better)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


@styled
def latent_use(values: Mapping[str, Sequence[float]], floor: float) -> Figure:
    """Draw how much each latent value of a model carries, the most first.

    Args:
        values: By model, the KL of each of its latent values in nats, averaged over images, shape (latent,).
        floor: The level in nats, above 0, below which a latent value carries next to nothing.

    Returns:
        Figure with one line per model on a logarithmic scale, its legend saying how many values are above the
        floor. What is below a hundredth of the floor, zero among it, is drawn at that lowest level, and the axis
        then says so.

    Raises:
        ValueError: There is no model, one has no values, a value is negative or not finite, or the floor is not
            above 0.
    """
    need_curves(values, "model")
    if not floor > 0:
        raise ValueError(f"floor: {floor} nats cannot be drawn on a logarithmic scale; give more than 0")
    lowest = floor / 100
    figure = Figure(figsize=(WIDTH, 3.0))
    axes = figure.add_subplot()
    clipped = False
    for (colour, dashes, marker), (name, given) in zip(looks(values), values.items(), strict=True):
        found = np.sort(np.asarray(given, dtype=float))[::-1]
        if not (np.isfinite(found) & (found >= 0)).all():
            raise ValueError(f"model {name!r}: each KL has to be finite and not negative")
        clipped |= bool((found < lowest).any())
        label = f"{name} ({np.sum(found > floor):,} of {found.size:,} above)"
        look = {"color": colour, "linestyle": dashes, "marker": marker if found.size <= 20 else None}
        axes.plot(np.arange(1, found.size + 1), np.maximum(found, lowest), markersize=4, label=label, **look)
    label = f"{floor:g} nats: below, a value carries next to nothing"
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
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _signed(value: float) -> str:
    """Write a difference with its sign, which what rounds to nothing has not."""
    text = f"{value:+.3f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]
