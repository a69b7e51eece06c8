"""Figures of rows under each other: a name on the left of each, its numbers on the right."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.presentation.plots.style import FAINT, WIDTH, shortened

ROW = 0.235  # inches that a row takes


def figure_of_rows(names: Sequence[str], head: float, row: float = ROW) -> tuple[Figure, Axes]:
    """A figure with named rows, the first on top; a row without a name has no tick. Lengths are in inches."""
    figure = Figure(figsize=(WIDTH, head + row * len(names)))
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), [shortened(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    return figure, axes


def write_beside(axes: Axes, place: int, text: str, **look) -> None:
    """Write at the right end of a row, outside the axes."""
    axes.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        annotation_clip=False,
        **look,
    )


def write_gap(axes: Axes, place: int, text: str) -> None:
    """Write in a row without a dot what is left out there."""
    look = {"fontsize": 8, "color": FAINT, "style": "italic", "ha": "center", "va": "center"}
    look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(0.5, place, text, transform=axes.get_yaxis_transform(), **look)
