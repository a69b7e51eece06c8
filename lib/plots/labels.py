"""Names beside dots: each at the nearest place where it covers no dot, no other name and little of the lines."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.plots.style import FAINT

DIRECT = 10  # up to so many dots are named directly; more are numbered

_SIZE = 8.0  # points: text of a label
_RADII = (5, 8, 12, 17, 23, 30, 38, 47, 57, 68)  # points: how far from its dot a label may be
_LEADER = 10  # points: from here on a line leads from the dot to its label
_TURNS = 24  # directions that are tried
_DOT = 3.5  # points: half the width of a dot
_KEY_ROW = 0.165  # inches
_KEY_COLUMNS = 3


def key_height(count: int) -> float:
    """Height in inches that `name_dots` may need below the axes for the key of so many dots."""
    return math.ceil(count / _KEY_COLUMNS) * _KEY_ROW


def name_dots(figure: Figure, axes: Axes, names: Sequence[str], xs, ys, lines: Sequence = ()) -> None:
    """Name dots beside them or, where they are many or close, number them and put the key below the axes.

    Args:
        figure: The figure, with everything else in it, in a constrained layout; it grows by the key's height.
        axes: Where the dots are, its limits final.
        names: Name of each dot, k of them.
        xs: Places in data coordinates, shape (k,). Numbers run from left to right, and down where equal.
        ys: As `xs`.
        lines: Polylines that labels should not lie on, arrays of shape (m, 2) in data coordinates.
    """
    xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    figure.draw_without_rendering()
    places = _places(axes, names, xs, ys, lines) if len(names) <= DIRECT else None
    texts = list(names)
    if places is None:
        order = sorted(range(len(names)), key=lambda one: (xs[one], -ys[one], one))
        texts = [""] * len(names)
        for number, one in enumerate(order, 1):
            texts[one] = str(number)
        _key(figure, [f"{texts[one]}  {names[one]}" for one in order])
        figure.draw_without_rendering()
        places = _places(axes, texts, xs, ys, lines) or [(_RADII[0], _RADII[0], False)] * len(names)
    for text, x, y, (right, up, leader) in zip(texts, xs, ys, places, strict=True):
        line = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3.5}
        axes.annotate(
            text,
            (x, y),
            xytext=(right, up),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            parse_math=False,
            zorder=6,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "none", "edgecolor": "none"},
            arrowprops=line if leader else None,
        ).set_in_layout(False)


def _key(figure: Figure, entries: Sequence[str]) -> None:
    """Write entries below everything, down the columns."""
    height = figure.get_figheight()
    total = height + key_height(len(entries)) + 0.06
    figure.set_figheight(total)
    figure.get_layout_engine().set(rect=(0, 1 - height / total, 1, height / total))
    rows = math.ceil(len(entries) / _KEY_COLUMNS)
    for place, entry in enumerate(entries):
        column, row = divmod(place, rows)
        x = (0.012 + column * 0.988) / _KEY_COLUMNS if column == 0 else column / _KEY_COLUMNS + 0.012
        y = ((rows - row - 0.5) * _KEY_ROW + 0.03) / total
        figure.text(x, y, entry, fontsize=_SIZE, va="center", parse_math=False).set_in_layout(False)


def _places(axes: Axes, texts: Sequence[str], xs, ys, lines) -> list[tuple[float, float, bool]] | None:
    """Find for each label its middle in points right of and above its dot, and whether a line leads there.

    None if a label fits nowhere.
    """
    scale = 72 / axes.figure.dpi  # all lengths below are in points
    dots = axes.transData.transform(np.column_stack([xs, ys])) * scale
    room = axes.get_window_extent()
    room = np.array([room.x0 + 2, room.y0 + 2, room.x1 - 2, room.y1 - 2]) * scale
    drawn = [_sampled(axes.transData.transform(line) * scale) for line in lines]
    soft = np.concatenate(drawn) if drawn else np.empty((0, 2))
    around = np.column_stack([dots - _DOT, dots + _DOT])
    taken, leaders = np.empty((0, 4)), np.empty((0, 2))
    places: list = [None] * len(texts)
    crowd = [np.sum(np.hypot(*(dots - dot).T) < 25) for dot in dots]
    for one in sorted(range(len(texts)), key=lambda one: (-crowd[one], dots[one][0], -dots[one][1], one)):
        half = _size(axes, texts[one]) * scale / 2 + 0.5
        best = None
        for radius in _RADII:
            for turn in range(_TURNS):
                angle = 2 * math.pi * turn / _TURNS
                way = np.array([math.cos(angle), math.sin(angle)])
                middle = dots[one] + way * (radius + half)
                box = np.concatenate([middle - half, middle + half])
                if (box[:2] < room[:2]).any() or (box[2:] > room[2:]).any():
                    continue
                if _meets(box, taken).any() or _meets(box, around).any() or _within(leaders, box).any():
                    continue
                end = np.clip(dots[one], box[:2], box[2:])
                lead = _sampled(np.array([dots[one] + way * _DOT, end])) if radius >= _LEADER else np.empty((0, 2))
                others = np.concatenate([taken, np.delete(around, one, axis=0)])
                if any(_within(lead, other).any() for other in others):
                    continue
                cost = radius + 3.0 * min(_within(soft, box).sum(), 8) + 0.5 * abs(way[1]) - 0.2 * way[0]
                if best is None or cost < best[0]:
                    best = cost, middle, box, lead
        if best is None:
            return None
        _, middle, box, lead = best
        taken, leaders = np.vstack([taken, box]), np.vstack([leaders, lead])
        places[one] = (*(middle - dots[one]), bool(len(lead)))
    return places


def _size(axes: Axes, text: str) -> np.ndarray:
    """Width and height of a label in pixels."""
    made = axes.text(0, 0, text, fontsize=_SIZE, parse_math=False)
    box = made.get_window_extent()
    made.remove()
    return np.array([box.width, box.height])


def _sampled(line: np.ndarray) -> np.ndarray:
    """Points on a polyline, shape (m, 2), about two apart."""
    parts = [
        np.linspace(start, stop, 2 + int(np.hypot(*(stop - start)) / 2)) for start, stop in itertools.pairwise(line)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 2))


def _meets(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which of the boxes (left, bottom, right, top), shape (m, 4), overlap one."""
    return (others[:, :2] < box[2:]).all(axis=1) & (others[:, 2:] > box[:2]).all(axis=1)


def _within(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Tell which points, shape (m, 2), lie in a box."""
    return ((points > box[:2]) & (points < box[2:])).all(axis=1)
