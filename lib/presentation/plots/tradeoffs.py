"""Figures of what is paid and what it gives: AUROC for seconds, reconstruction for information."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from lib.presentation.plots.labels import name_dots
from lib.presentation.plots.style import INK, LOOKS, NORMAL, WIDTH, need_same_length, styled

BEST = "best for the time"

_TIMES = {0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"}
_TIMES |= {3600: "1 h", 36000: "10 h", 360000: "100 h"}
_BETWEEN = {0.003: "3 ms", 0.03: "30 ms", 0.3: "0.3 s", 3: "3 s", 30: "30 s", 180: "3 min", 1800: "30 min"}
_LEAST = 1e-9  # 1 - AUROC that is never gone below


@styled
def cost_benefit(names: Sequence[str], seconds, values, lows, highs, families: Sequence[str]) -> Figure:
    """Draw the AUROC of detectors against the time they take.

    Args:
        names: Printed names, k of them; up to 25 stay readable.
        seconds: What each takes, above 0, shape (k,).
        values: AUROC of each, 0 to 1, shape (k,).
        lows: Lower ends of the 95 % intervals, shape (k,).
        highs: Upper ends, shape (k,).
        families: A short word for the kind of each, k of them; each kind has its own colour and marker.

    Returns:
        Figure with a dot and its interval per detector, both axes logarithmic: the time, and what the AUROC lacks
        to 1, written as AUROC, so that 0.98 and 0.999 are told apart. An AUROC of exactly 1, which such an axis
        cannot show, stands on its upper edge, and intervals end there at the latest. A step line joins the
        detectors that no other beats in as little time. Dots have their names beside them; more than ten, or
        dots too close for that, are numbered from left to right, with the names below.

    Raises:
        ValueError: Lengths differ, there are no names, a value is not finite or out of its range, or there are
            more families than looks.
    """
    need_same_length(names, seconds, values, lows, highs, families)
    seconds, values, lows, highs = (np.asarray(column, dtype=float) for column in (seconds, values, lows, highs))
    if not (np.isfinite(seconds) & (seconds > 0)).all():
        raise ValueError("seconds: each has to be finite and above 0")
    if not all(((column >= 0) & (column <= 1)).all() for column in (values, lows, highs)):
        raise ValueError("AUROC: values and intervals have to lie between 0 and 1")
    kinds = dict.fromkeys(families)
    if len(kinds) > len(LOOKS):
        raise ValueError(f"{len(kinds)} families; at most {len(LOOKS)} can be told apart")

    figure = Figure(figsize=(WIDTH, 3.9))
    axes = figure.add_subplot()
    edge = _auroc_axis(axes, values, lows, highs)
    _time_axis(axes, seconds)
    shown, lower, upper = (np.minimum(column, edge) for column in (values, lows, highs))

    best = _best_for_the_time(seconds, values)
    steps = np.array([*((seconds[one], shown[one]) for one in best), (axes.get_xlim()[1], shown[best[-1]])])
    axes.step(*steps.T, where="post", color=INK, linewidth=0.9, zorder=1, label=BEST)
    corners = np.repeat(steps, 2, axis=0)
    lines = [np.column_stack([corners[1:, 0], corners[:-1, 1]])]
    for kind, (colour, _, marker) in zip(kinds, LOOKS, strict=False):
        own = [one for one, family in enumerate(families) if family == kind]
        for one in own:
            axes.plot([seconds[one]] * 2, [lower[one], upper[one]], color=colour, linewidth=1.1, alpha=0.75, zorder=2)
            lines.append(np.array([(seconds[one], lower[one]), (seconds[one], upper[one])]))
        look = {"markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False, "zorder": 3}
        axes.plot(seconds[own], shown[own], marker, color=colour, linestyle="none", label=kind, **look)
    axes.grid(visible=True, axis="both")
    axes.set_xlabel("Time (log scale)")
    axes.set_ylabel("AUROC (log scale of what it lacks to 1)")
    handles, labels = axes.get_legend_handles_labels()
    handles, labels = [*handles[1:], handles[0]], [*labels[1:], labels[0]]
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 4))
    name_dots(figure, axes, names, seconds, shown, lines)
    return figure


@styled
def rate_distortion(names: Sequence[str], rates, distortions) -> Figure:
    """Draw how well images are reconstructed for how much information the latent values carry.

    Args:
        names: Printed names of the models, k of them.
        rates: KL of each in nats an image, 0 or more, shape (k,).
        distortions: Mean squared error of each, shape (k,).

    Returns:
        Figure with a dot for each model, joined in order of rate; the rate axis is logarithmic from one nat on
        and linear below, where it holds 0. Dots are named as by `cost_benefit`.

    Raises:
        ValueError: Lengths differ, there are no names, or a number is negative or not finite.
    """
    need_same_length(names, rates, distortions)
    rates, distortions = np.asarray(rates, dtype=float), np.asarray(distortions, dtype=float)
    if not all((np.isfinite(column) & (column >= 0)).all() for column in (rates, distortions)):
        raise ValueError("rates and distortions: each has to be finite and not negative")
    order = np.lexsort((-distortions, rates))
    figure = Figure(figsize=(WIDTH, 3.2))
    axes = figure.add_subplot()
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    axes.plot(rates[order], distortions[order], color=NORMAL, linewidth=0.9, alpha=0.7, zorder=2)
    look = {"markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False, "zorder": 3}
    axes.plot(rates[order], distortions[order], "o", color=NORMAL, linestyle="none", **look)
    top = max(float(rates.max()), 1.0)
    axes.set_xlim(-0.1, top * 1.8)
    ticks = [0, *(digit * 10.0**power for power in range(math.ceil(math.log10(top)) + 1) for digit in (1, 3))]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,g}"))
    span = float(np.ptp(distortions)) or 0.1 * float(distortions.max()) or 1.0
    axes.set_ylim(distortions.min() - 0.12 * span, distortions.max() + 0.12 * span)
    axes.grid(visible=True, axis="both")
    axes.set_xlabel("Rate: KL in nats an image (log scale from 1)")
    axes.set_ylabel("Distortion: mean squared error")
    joined = np.column_stack([rates[order], distortions[order]])
    name_dots(figure, axes, names, rates, distortions, [joined])
    return figure


def _best_for_the_time(seconds: np.ndarray, values: np.ndarray) -> list[int]:
    """Places of the detectors that no other equals or beats in as little time, the fastest first."""
    best: list[int] = []
    for one in np.lexsort((-values, seconds)):
        if not best or values[one] > values[best[-1]]:
            best.append(int(one))
    return best


def _auroc_axis(axes: Axes, values: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> float:
    """Scale the y axis by the logarithm of 1 - AUROC and return the highest AUROC that it shows."""
    lacking = [1 - column[column < 1 - _LEAST] for column in (values, lows, highs)]
    known = lacking[0] if lacking[0].size else lacking[1]
    least = float(known.min()) if known.size else 0.002
    beyond = max(float(lacking[2].min()), least / 5) if lacking[2].size else least / 2
    perfect = bool((values > 1 - _LEAST).any())
    gap = max(min(least / (3.0 if perfect else 1.5), beyond / 1.05), _LEAST)
    most = min(max(float((1 - lows).max()), float((1 - values).max()), 5 * gap) * 1.2, 1.05)
    axes.set_yscale(
        "function",
        functions=(lambda auroc: -np.log10(np.maximum(1 - auroc, _LEAST)), lambda scaled: 1 - 10.0**-scaled),
    )
    edge = 1 - gap
    axes.set_ylim(1 - most, edge)

    wide = math.log10(most / gap) > 1.7
    powers = range(math.floor(math.log10(gap)), 1)
    told = [digit * 10.0**power for power in powers for digit in ((1,) if wide else (1, 2, 5))]
    told += [0.5, 0.05] if wide else []
    between = [digit * 10.0**power for power in powers for digit in range(1, 10)]
    near = 10**0.09 * gap if perfect else gap * (1 - 1e-9)  # no label touches that of the edge
    labels = {1 - lack: f"{1 - lack:.10g}" for lack in told if near <= lack <= most}
    if perfect:
        labels[edge] = "1"
    axes.yaxis.set_major_locator(FixedLocator(list(labels)))
    axes.yaxis.set_major_formatter(_named(labels))
    axes.yaxis.set_minor_locator(FixedLocator([1 - lack for lack in between if gap <= lack <= most]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return edge


def _time_axis(axes: Axes, seconds: np.ndarray) -> None:
    """Scale the x axis by the logarithm of the time and write its ticks as people say them."""
    low, high = float(seconds.min()) / 1.6, float(seconds.max()) * 1.6
    short = max(10 / (high / low), 1.0) ** 0.5  # at least one decade
    low, high = low / short, high * short
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    labels = {time: text for time, text in _TIMES.items() if low <= time <= high}
    if len(labels) < 4:
        labels |= {time: text for time, text in _BETWEEN.items() if low <= time <= high}
    axes.xaxis.set_major_locator(FixedLocator(sorted(labels)))
    axes.xaxis.set_major_formatter(_named(labels))
    axes.xaxis.set_minor_locator(NullLocator())


def _named(labels: dict[float, str]) -> FuncFormatter:
    """Write at each tick the label of the number nearest to it."""
    return FuncFormatter(lambda value, _: labels[min(labels, key=lambda number: abs(number - value))])
