"""The style shared by all figures: the style file, the page's width, the meaning of colours, and alternative text."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from lib.core.characters import IGNORABLE, printable, readable

STYLE = Path(__file__).parent / "report.mplstyle"
WIDTH = 5.6  # inches: most of the text column of the page
LONGEST = 40  # characters of a name
FONT = "DejaVu Sans"  # as in the style file; it comes with matplotlib
LAYOUTS = 4  # at most, until all parts of a figure stay in place
LISTED = 8  # up to so many items are listed in an alternative text

NORMAL = "#0072B2"
ANOMALY = "#D55E00"
NORMAL_TEXT = "#005A8C"  # the same hues, dark enough for small text
ANOMALY_TEXT = "#A84600"
INK = "#222222"
FAINT = "#777777"

ANOMALY_DASHES = (0, (5, 1.6))
CHANCE_LOOK = {"color": FAINT, "linewidth": 1, "linestyle": (0, (1, 2)), "zorder": 1}
THRESHOLD_LOOK = {"color": INK, "linewidth": 1.3, "linestyle": (0, (1, 1))}

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

# Colour and marker of the families of detectors; those of other families are neutral.
_FAMILY_LOOKS = {
    "autoencoder": ("#0072B2", "o"),
    "features": ("#009E73", "^"),
    "baseline": ("#7A3E78", "D"),
    "shortcut": ("#A67500", "v"),
    "ensemble": ("#D55E00", "s"),
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_OTHER_COLOUR, _OTHER_MARKERS = "#555555", "XP*ph<>8"


def style() -> AbstractContextManager:
    """Return the context in which figures are drawn and saved; it fixes the ids in SVG files."""
    return matplotlib.style.context(STYLE)


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a plot function in the style and lay out its figure before the style ends."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs) -> Figure:
        with style():
            figure = function(*args, **kwargs)
            for text in figure.findobj(Text):
                text.set_text(drawable(text.get_text()))
            lay_out(figure)
        return figure

    return wrapper


def lay_out(figure: Figure) -> None:
    """Give every part of a figure its place for good; one without a layout, such as a sheet, has its places."""
    engine = figure.get_layout_engine()
    if engine is None or isinstance(engine, PlaceHolderLayoutEngine):
        return
    for _ in range(LAYOUTS):  # ticks are created while drawing, in the style of that moment, and then take other room
        figure.draw_without_rendering()
        before = _places(figure)
        engine.execute(figure)
        if np.allclose(before, _places(figure), atol=1e-3):
            break
    figure.set_layout_engine("none")


def _places(figure: Figure) -> np.ndarray:
    return np.array([axes.get_position().bounds for axes in figure.axes])


def described(figure: Figure, alt: str) -> Figure:
    """Give a figure its alternative text, which `lib.presentation.show.figure` reads as the label of the figure."""
    figure.set_label(printable(" ".join(alt.split()), lambda _: True))
    return figure


def some(items: Sequence[str], most: int = LISTED, separator: str = "; ") -> str:
    """`"a; b; c and 5 more"`: the first items of a list that may be long."""
    items = list(items)
    rest = f" and {len(items) - most:,} more" if len(items) > most else ""
    return separator.join(items[:most]) + rest


def drawable(text: str) -> str:
    """A text for a figure, with code points for the characters that its font lacks: `"[U+7F3A U+9677]"`."""
    glyphs = _glyphs()
    drawn = [character for character in text.replace("\t", " ") if character not in IGNORABLE or character in glyphs]
    return printable("".join(drawn), glyphs.issuperset)


@functools.cache
def _glyphs() -> frozenset[str]:
    """The characters that the font of the figures has, regular and bold."""
    fonts = (get_font(findfont(FontProperties(family=FONT, weight=weight))) for weight in ("normal", "bold"))
    return frozenset.intersection(*(frozenset(map(chr, font.get_charmap())) for font in fonts)) | {"\n"}


def shortened(text: str, most: int = LONGEST) -> str:
    """A name from data for a figure: on one line, of at most so many characters, an ellipsis in its middle if longer.

    It begins and ends as the name does: names of files and classes often differ at their ends.
    """
    text = drawable(readable(text))
    return text if len(text) <= most else without_middle(text, most - 1)


def without_middle(text: str, kept: int) -> str:
    """The first and the last characters of a text, so many in all, with an ellipsis between."""
    return text[: (kept + 1) // 2].rstrip() + "…" + text[len(text) - kept // 2 :].lstrip()


def labelled(text: str, most: int = LONGEST) -> str:
    """A name from data for a legend, which leaves out what begins with `_`."""
    text = shortened(text, most)
    return f"\u200b{text}" if text.startswith("_") else text


def curve_looks(curves: Mapping) -> list[tuple]:
    """One colour, dash pattern and marker per curve; they repeat from the ninth curve on."""
    return [LOOKS[place % len(LOOKS)] for place in range(len(curves))]


def family_looks(families: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each family that occurs, in the order of the known families, then of occurrence.

    Families that are not known are grey; their markers differ, and repeat from the ninth on.
    """
    known = {family: look for family, look in _FAMILY_LOOKS.items() if family in families}
    others = [family for family in dict.fromkeys(families) if family not in known]
    markers = {family: _OTHER_MARKERS[place % len(_OTHER_MARKERS)] for place, family in enumerate(others)}
    return known | {family: (_OTHER_COLOUR, marker) for family, marker in markers.items()}


def note(text: str) -> Figure:
    """Return a figure with one sentence that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, 0.5), layout="none")
    figure.text(0.5, 0.5, text, ha="center", va="center", style="italic", color=FAINT)
    return described(figure, text)


def legend_above(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    """Put the legend above the axes, in as many columns as the page holds; the figure grows by its height."""
    for columns in range(min(len(labels), 4), 0, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), columns)
        if sum(part.max() + 9 for part in parts) <= 84:  # characters across the page; a line or marker takes 9
            break
    figure.set_figheight(figure.get_figheight() + 0.165 * len(parts[0]))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def dot_look(marker: str) -> dict:
    """The size and the edge of a dot; markers with arms have to be larger to look as large."""
    return {
        "markersize": {"X": 7.5, "P": 7.5, "*": 9}.get(marker, 6),
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def percent_axis(axis) -> None:
    """Write shares on an axis as percentages, without decimals where none are needed."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(share * 100, 6):g} %"))


def log_axis(axis) -> None:
    """Write 0.01 on a logarithmic axis rather than a power of ten, with 2 and 5 between if there is room."""
    low, high = sorted(axis.get_view_interval())
    digits = (1, 2, 5) if low > 0 and math.log10(high / low) < 3.5 else (1,)

    def plain(value: float, _) -> str:
        power = math.floor(math.log10(value) + 1e-9)
        digit = round(value / 10**power)
        if digit not in digits:
            return ""
        if -4 <= power < 5:
            return f"{value:g}"
        return f"{'' if digit == 1 else f'{digit} × '}10{str(power).translate(_RAISED)}"

    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(FuncFormatter(plain))


def draw_threshold(axes: Axes, threshold: float | None) -> None:
    """Draw the threshold in use as a vertical line, named in the legend."""
    if threshold is not None:
        axes.axvline(threshold, label=f"Threshold in use, {threshold:g}", **THRESHOLD_LOOK)


def check_curves(curves: Mapping, what: str = "curve") -> None:
    """Raise ValueError if there is no curve, or one without points."""
    if not curves:
        raise ValueError(f"no {what} to draw; give at least one by name")
    for name, values in curves.items():
        if not len(values):
            raise ValueError(f"{what} {name!r} has no points")


def check_same_length(*columns) -> None:
    """Raise ValueError if columns differ in length or are empty."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"columns of {lengths} values; give as many of each, and at least one")


def checked_rows(rows: Mapping[str, Mapping] | Sequence[Mapping], *keys: str) -> list[dict]:
    """Rows of detectors, each with its `name`, and with the metrics named by `keys` as finite numbers.

    Args:
        rows: Rows with a `name`, or rows by name.
        keys: Keys of metrics, mappings with `value`, `low` and `high`.

    Raises:
        ValueError: There is no row, or a value is missing or not finite.
    """
    listed = [{"name": name, **row} for name, row in rows.items()] if isinstance(rows, Mapping) else list(rows)
    if not listed:
        raise ValueError("no detector to draw; give at least one row")
    for row in listed:
        for key in keys:
            values = [row[key].get(part) for part in ("value", "low", "high")]
            if None in values or not np.isfinite(values).all():
                raise ValueError(f"{row['name']}: value and interval of {key} are {values}; give finite numbers")
    return listed
