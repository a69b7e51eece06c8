"""The one look of every figure: the style file, the page's width, and what colour means."""

import functools
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

STYLE = Path(__file__).parent / "report.mplstyle"
WIDTH = 6.3  # inches: the text column of the page

NORMAL = "#0072B2"
ANOMALY = "#D55E00"
NORMAL_TEXT = "#005A8C"  # the same hues, dark enough for small text
ANOMALY_TEXT = "#A84600"
INK = "#222222"
FAINT = "#777777"

ANOMALY_DASHES = (0, (5, 1.6))
THRESHOLD_LINE = {"color": INK, "linewidth": 1.3, "linestyle": (0, (1, 1))}

# Colour, dashes and marker of each curve on shared axes; the hues are those of Okabe and Ito, some darkened.
LOOKS = (
    ("#0072B2", "-", "o"),
    ("#D55E00", ANOMALY_DASHES, "s"),
    ("#009E73", (0, (5, 1.5, 1.2, 1.5)), "^"),
    ("#7A3E78", (0, (1.4, 1.2)), "D"),
    ("#A67500", (0, (8, 1.5, 1.2, 1.5, 1.2, 1.5)), "v"),
    ("#4AA3DA", (0, (3, 3)), "P"),
    ("#444444", (0, (10, 2)), "X"),
    ("#CC79A7", (0, (2, 1, 2, 3)), "p"),
)


def style() -> AbstractContextManager:
    """Give the context under which figures are drawn and should be saved (it fixes the ids in SVG files)."""
    return matplotlib.style.context(STYLE)


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a plot function under the style, and lay its figure out before the style is gone."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs) -> Figure:
        with style():
            figure = function(*args, **kwargs)
            figure.draw_without_rendering()  # ticks are made while drawing and take the style of that moment
        return figure

    return wrapper


def looks(curves: Mapping) -> list[tuple]:
    """One colour, dash pattern and marker per curve; from the ninth on they come round again."""
    return [LOOKS[place % len(LOOKS)] for place in range(len(curves))]


def note(text: str) -> Figure:
    """Make a figure that only says why there is nothing to see."""
    figure = Figure(figsize=(WIDTH, 0.5), layout="none")
    figure.text(0.5, 0.5, text, ha="center", va="center", style="italic", color=FAINT)
    return figure


def percent(share: float, decimals: int = 1) -> str:
    """Write a share as `24.1 %`, with a space that does not break."""
    return f"{share * 100:.{decimals}f}\N{NO-BREAK SPACE}%"


def percent_axis(axis) -> None:
    """Write shares on an axis as percentages, without decimals where none are needed."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(share * 100, 6):g}\N{NO-BREAK SPACE}%"))


def log_axis(axis) -> None:
    """Write 0.01 on a logarithmic axis rather than a power of ten, with 2 and 5 between if there is room."""
    low, high = sorted(axis.get_view_interval())
    room = low > 0 and math.log10(high / low) < 3.5

    def plain(value: float, _) -> str:
        power = math.floor(math.log10(value) + 1e-9)
        digit = round(value / 10**power)
        if digit not in ((1, 2, 5) if room else (1,)):
            return ""
        if -4 <= power < 5:
            return f"{value:g}"
        times = "" if digit == 1 else rf"{digit} \times "
        return f"${times}10^{{{power}}}$"

    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(FuncFormatter(plain))


def in_use(axes: Axes, threshold: float | None) -> None:
    """Draw the threshold in use as a vertical line, named in the legend."""
    if threshold is not None:
        axes.axvline(threshold, label=f"Threshold in use, {threshold:g}", **THRESHOLD_LINE)


def need_curves(curves: Mapping, what: str = "curve") -> None:
    """Refuse nothing at all, and curves without points."""
    if not curves:
        raise ValueError(f"no {what} to draw; give at least one by name")
    for name, values in curves.items():
        if not len(values):
            raise ValueError(f"{what} {name!r} has no points")


def need_same_length(*columns) -> None:
    """Refuse columns that do not belong together, and empty ones."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"columns of {lengths} values; give as many of each, and at least one")
