"""Figures of two quantities of detectors: AUROC and time, reconstruction error and information."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from lib.core.formatting import count
from lib.presentation.plots.labels import name_dots
from lib.presentation.plots.style import (
    INK,
    NORMAL,
    WIDTH,
    checked_rows,
    described,
    dot_look,
    family_looks,
    labelled,
    legend_above,
    note,
    shortened,
    some,
    styled,
)

BEST = "best for the time"
MOST = 25  # detectors in a figure

_LONGEST = 80  # characters of a name
_LEAST_SECONDS = 0.01  # shorter times are drawn there
_TIMES = {0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"}
_TIMES |= {3600: "1 h", 36000: "10 h", 360000: "100 h"}
_BETWEEN = {0.003: "3 ms", 0.03: "30 ms", 0.3: "0.3 s", 3: "3 s", 30: "30 s", 180: "3 min", 1800: "30 min"}
_LEAST = 1e-9  # lowest 1 - AUROC on the axis


@styled
def cost_benefit(rows: Mapping[str, Mapping] | Sequence[Mapping]) -> Figure:
    """Draw the AUROC of detectors against the time they take.

    Args:
        rows: Rows of `lib.evaluation.comparison.leaderboard`, or rows by name: `name`, `family`, `seconds` and `auroc`,
            a mapping with `value`, `low` and `high`. Of more than 25 those that are best for their time are drawn, then
            those with the highest AUROC. Times below 0.01 s are drawn there.

    Returns:
        Figure with a dot and its interval per detector, both axes logarithmic: the time, and 1 - AUROC, labelled as
        AUROC, so that 0.98 and 0.999 are far from each other. An AUROC of exactly 1, which such an axis cannot show,
        is on its upper edge, and intervals end there at the latest. A step line joins the detectors with a higher AUROC
        than all that take less time. Each family has its colour and marker. Dots have their names beside them; more
        than ten, or dots too close for that, are numbered from left to right, with the names below.

    Raises:
        ValueError: There are no rows, or a value is not finite or out of its range.
    """
    rows = checked_rows(rows, "auroc")
    seconds = np.array([row["seconds"] for row in rows], dtype=float)
    if not (np.isfinite(seconds) & (seconds >= 0)).all():
        raise ValueError("seconds: each has to be finite and not negative")
    auroc = np.array([[row["auroc"][key] for key in ("value", "low", "high")] for row in rows], dtype=float)
    if not ((auroc >= 0) & (auroc <= 1)).all():
        raise ValueError("AUROC: values and intervals have to be between 0 and 1")
    best = _best_for_the_time(np.maximum(seconds, _LEAST_SECONDS), auroc[:, 0])
    by_auroc = np.argsort(-auroc[:, 0], kind="stable").tolist()
    drawn = sorted(list(dict.fromkeys([*reversed(best), *by_auroc]))[:MOST])
    left_out = len(rows) - len(drawn)
    alt = _alt_of_cost(rows, best, by_auroc, left_out)

    rows, seconds, auroc = [rows[one] for one in drawn], np.maximum(seconds[drawn], _LEAST_SECONDS), auroc[drawn]
    best = _best_for_the_time(seconds, auroc[:, 0])
    families = [row.get("family") or "other" for row in rows]
    figure = Figure(figsize=(WIDTH, 3.3))
    axes = figure.add_subplot()
    edge = _auroc_axis(axes, *auroc.T)
    _time_axis(axes, seconds)
    values, lower, upper = np.minimum(auroc.T, edge)

    steps = np.array([*((seconds[one], values[one]) for one in best), (axes.get_xlim()[1], values[best[-1]])])
    corners = np.repeat(steps, 2, axis=0)
    lines = [np.column_stack([corners[1:, 0], corners[:-1, 1]])]
    for family, (colour, marker) in family_looks(families).items():
        members = [one for one, other in enumerate(families) if other == family]
        for one in members:
            axes.plot([seconds[one]] * 2, [lower[one], upper[one]], color=colour, linewidth=1.1, alpha=0.75, zorder=2)
            lines.append(np.array([(seconds[one], lower[one]), (seconds[one], upper[one])]))
        look = {"color": colour, "linestyle": "none", "clip_on": False, "zorder": 3} | dot_look(marker)
        axes.plot(seconds[members], values[members], marker, label=labelled(family), **look)
    axes.step(*steps.T, where="post", color=INK, linewidth=0.9, zorder=1, label=BEST)
    axes.grid(visible=True, axis="both")
    rest = f"; {count(left_out, 'detector')} left out" if left_out else ""
    axes.set_xlabel(f"Time of fitting and scoring (log scale){rest}")
    axes.set_ylabel("AUROC (log scale of 1 − AUROC)")
    legend_above(figure, *axes.get_legend_handles_labels())
    name_dots(figure, axes, [shortened(row["name"], _LONGEST) for row in rows], seconds, values, lines)
    return described(figure, alt)


def _alt_of_cost(rows: Sequence[Mapping], best: Sequence[int], by_auroc: Sequence[int], left_out: int) -> str:
    """The alternative text of `cost_benefit`: the detectors of the step line, then the others by AUROC."""
    items = [f"{row['name']}: {row['auroc']['value']:.4f} in {_seconds(row['seconds'])}" for row in rows]
    others = [items[one] for one in by_auroc if one not in best]
    return (
        f"Scatter plot of the AUROC of {count(len(rows), 'detector')} against the time of fitting and scoring. Best "
        f"for the time, from the highest AUROC down, {some([items[one] for one in reversed(best)])}."
        + (f" Others are {some(others)}." if others else "")
        + (f" {count(left_out, 'detector')} left out of the chart." if left_out else "")
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


@styled
def rate_distortion(records: Mapping[str, Mapping]) -> Figure:
    """Draw the reconstruction error of models against the information in their latent values.

    Args:
        records: By name of the model, a record of `lib.evaluation.comparison.latent_use`: of it are used `kl`, nats per
            image, and `reconstruction`, the mean squared error, each 0 or more.

    Returns:
        Figure with a dot for each model, joined in order of KL; its axis is logarithmic from one nat on and linear
        below, where it includes 0. Dots are named as by `cost_benefit`. Without any model, a figure with one sentence
        that says so.

    Raises:
        ValueError: A number is negative or not finite.
    """
    if not records:
        return note("No variational autoencoder to draw.")
    rates, distortions = (
        np.array([record[key] for record in records.values()], dtype=float) for key in ("kl", "reconstruction")
    )
    if not all((np.isfinite(column) & (column >= 0)).all() for column in (rates, distortions)):
        raise ValueError("kl and reconstruction: each has to be finite and not negative")
    names = [shortened(name, _LONGEST) for name in records]
    order = np.lexsort((-distortions, rates))
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.add_subplot()
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    axes.plot(rates[order], distortions[order], color=NORMAL, linewidth=0.9, alpha=0.7, zorder=2)
    look = {"color": NORMAL, "linestyle": "none", "clip_on": False, "zorder": 3} | dot_look("o")
    axes.plot(rates[order], distortions[order], "o", **look)
    top = max(float(rates.max()), 1.0)
    axes.set_xlim(-0.1, top * 1.8)
    ticks = [0, *(digit * 10.0**power for power in range(math.ceil(math.log10(top)) + 1) for digit in (1, 3))]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,g}"))
    span = float(np.ptp(distortions)) or 0.1 * float(distortions.max()) or 1.0
    axes.set_ylim(distortions.min() - 0.12 * span, distortions.max() + 0.12 * span)
    axes.grid(visible=True, axis="both")
    axes.set_xlabel("Rate: KL in nats per image (log scale from 1)")
    axes.set_ylabel("Distortion: mean squared error")
    joined = np.column_stack([rates[order], distortions[order]])
    name_dots(figure, axes, names, rates, distortions, [joined])
    items = [f"{names[one]}: {rates[one]:.3g} nats, error {distortions[one]:.3g}" for one in order]
    return described(
        figure,
        "Line chart of the mean squared error of reconstructions against the KL divergence per image, by KL. "
        f"{some(items)}.",
    )


def _best_for_the_time(seconds: np.ndarray, values: np.ndarray) -> list[int]:
    """Indices of the detectors with a higher AUROC than all that take no longer, the fastest first."""
    best: list[int] = []
    for one in np.lexsort((-values, seconds)):
        if not best or values[one] > values[best[-1]]:
            best.append(int(one))
    return best


def _auroc_axis(axes: Axes, values: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> float:
    """Scale the y axis by the logarithm of 1 - AUROC and return the highest AUROC on it."""
    # Below, a gap is 1 - AUROC; those of 0 are not on a logarithmic scale.
    of_values, of_lows, of_highs = (1 - column[column < 1 - _LEAST] for column in (values, lows, highs))
    known = of_values if of_values.size else of_lows
    least = float(known.min()) if known.size else 0.002
    beyond = max(float(of_highs.min()), least / 5) if of_highs.size else least / 2
    perfect = bool((values > 1 - _LEAST).any())
    smallest = max(min(least / (3.0 if perfect else 1.5), beyond / 1.05), _LEAST)
    largest = min(max(float((1 - lows).max()), float((1 - values).max()), 5 * smallest) * 1.2, 1.05)
    axes.set_yscale(
        "function",
        functions=(lambda auroc: -np.log10(np.maximum(1 - auroc, _LEAST)), lambda scaled: 1 - 10.0**-scaled),
    )
    edge = 1 - smallest
    axes.set_ylim(1 - largest, edge)

    wide = math.log10(largest / smallest) > 1.7
    powers = range(math.floor(math.log10(smallest)), 1)
    labelled = [digit * 10.0**power for power in powers for digit in ((1,) if wide else (1, 2, 5))]
    labelled += [0.5, 0.05] if wide else []
    minor = [digit * 10.0**power for power in powers for digit in range(1, 10)]
    first = 10**0.09 * smallest if perfect else smallest * (1 - 1e-9)  # no label touches that of the edge
    labels = {1 - gap: f"{1 - gap:.10g}" for gap in labelled if first <= gap <= largest}
    if perfect:
        labels[edge] = "1"
    axes.yaxis.set_major_locator(FixedLocator(list(labels)))
    axes.yaxis.set_major_formatter(_named(labels))
    axes.yaxis.set_minor_locator(FixedLocator([1 - gap for gap in minor if smallest <= gap <= largest]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return edge


def _time_axis(axes: Axes, seconds: np.ndarray) -> None:
    """Scale the x axis by the logarithm of the time and label it in units of time."""
    low, high = float(seconds.min()) / 1.6, float(seconds.max()) * 1.6
    widening = max(10 / (high / low), 1.0) ** 0.5  # to at least one decade
    low, high = low / widening, high * widening
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    labels = {time: text for time, text in _TIMES.items() if low <= time <= high}
    if len(labels) < 4:
        labels |= {time: text for time, text in _BETWEEN.items() if low <= time <= high}
    axes.xaxis.set_major_locator(FixedLocator(sorted(labels)))
    axes.xaxis.set_major_formatter(_named(labels))
    axes.xaxis.set_minor_locator(NullLocator())


def _named(labels: dict[float, str]) -> FuncFormatter:
    """Formatter that gives each tick the label of the number nearest to it."""
    return FuncFormatter(lambda value, _: labels[min(labels, key=lambda number: abs(number - value))])
