"""Names beside dots, each at the nearest place where it covers no dot, no other name and little of the lines."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from lib.presentation.plots.style import FAINT

DIRECT = 10  # up to so many dots have names beside them; more have numbers

_SIZE = 8.0  # points: text of a label
_RADII = (5, 7, 9, 13, 18, 24, 31, 39, 48, 58, 69)  # points: distances of a label from its dot that are tried
_FARTHER = (82, 96, 112, 130, 150, 175, 205, 240)  # the same where dots are close to each other
_LEADER = 13  # points: from this distance on a line joins the dot and its label
_TURNS = 24  # directions that are tried
_DOT = 3.5  # points: half the width of a dot
_ROW = 0.165  # inches: a row of the list of names
_BETWEEN = 0.15  # inches: between its columns, at least
_COLUMNS = 4


def name_dots(figure: Figure, axes: Axes, names: Sequence[str], xs, ys, lines: Sequence = ()) -> None:
    """Write names beside dots; if dots are many or close, write numbers, and the names below the axes.

    Args:
        figure: The figure, complete, in a constrained layout; it grows by the height of the list of names.
        axes: The axes of the dots, with their final limits.
        names: Name of each dot, k of them.
        xs: Data coordinates, shape (k,). Numbers run from left to right, of equal coordinates downwards.
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
        _key(figure, [names[one] for one in order])
        figure.draw_without_rendering()
        places = _places(axes, texts, xs, ys, lines) or _places(axes, texts, xs, ys, lines, crowded=True)
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
            zorder=6,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "none", "edgecolor": "none"},
            path_effects=[withStroke(linewidth=2, foreground="white")],
            arrowprops=line if leader else None,
        ).set_in_layout(False)


def _key(figure: Figure, names: Sequence[str]) -> None:
    """Write the numbered names below the axes, in as many columns as their widths allow."""
    inch = 1 / figure.dpi
    widths = [_size(figure, name)[0] * inch for name in names]
    number = _size(figure, str(len(names)))[0] * inch
    for columns in range(_COLUMNS, 0, -1):
        rows = math.ceil(len(names) / columns)
        across = [number + 0.08 + max(widths[start : start + rows]) for start in range(0, len(names), rows)]
        if sum(across) + _BETWEEN * (len(across) - 1) + 0.1 <= figure.get_figwidth():
            break
    width, height = figure.get_size_inches()
    total = height + rows * _ROW + 0.08
    figure.set_figheight(total)
    figure.get_layout_engine().set(rect=(0, 1 - height / total, 1, height / total))
    free = (width - 0.1 - sum(across)) / len(across)  # what is left over goes between the columns
    look = {"fontsize": _SIZE, "va": "center"}
    for place, name in enumerate(names):
        column, row = divmod(place, rows)
        x = 0.05 + sum(across[:column]) + column * min(free, 0.6) + number
        y = ((rows - row - 0.5) * _ROW + 0.03) / total
        figure.text(x / width, y, str(place + 1), ha="right", **look).set_in_layout(False)
        figure.text((x + 0.08) / width, y, name, **look).set_in_layout(False)


def _places(
    axes: Axes, texts: Sequence[str], xs, ys, lines, crowded: bool = False
) -> list[tuple[float, float, bool]] | None:
    """The middle of each label in points right of and above its dot, and whether a line joins the two.

    None if a label fits nowhere. With `crowded`, labels may be farther away, their lines may cross other dots, and a
    label that still fits nowhere is right of its dot.
    """
    scale = 72 / axes.figure.dpi  # all lengths below are in points
    dots = axes.transData.transform(np.column_stack([xs, ys])) * scale
    room = axes.get_window_extent()
    room = np.array([room.x0 + 2, room.y0 + 2, room.x1 - 2, room.y1 - 2]) * scale
    sampled = [_sampled(axes.transData.transform(line) * scale) for line in lines]
    soft = np.concatenate(sampled) if sampled else np.empty((0, 2))
    around = np.column_stack([dots - _DOT, dots + _DOT])
    taken, leaders = np.empty((0, 4)), np.empty((0, 2))
    places: list = [None] * len(texts)
    crowd = [np.sum(np.hypot(*(dots - dot).T) < 25) for dot in dots]
    for one in sorted(range(len(texts)), key=lambda one: (-crowd[one], dots[one][0], -dots[one][1], one)):
        half = _size(axes.figure, texts[one]) * scale / 2 + 0.5
        best = None
        for radius in (*_RADII, *(_FARTHER if crowded else ())):
            if best is not None and best[0] <= radius - 0.2:  # no place farther out costs less
                break
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
                others = taken if crowded else np.concatenate([taken, np.delete(around, one, axis=0)])
                if any(_within(lead, other).any() for other in others):
                    continue
                distances = np.hypot(*(np.clip(dots, box[:2], box[2:]) - dots).T)  # of every dot from this label
                ambiguous = len(dots) > 1 and np.delete(distances, one).min() < 1.2 * distances[one]
                cost = radius + 3 * min(_within(soft, box).sum(), 8) + 6 * ambiguous + 0.5 * abs(way[1]) - 0.2 * way[0]
                if best is None or cost < best[0]:
                    best = cost, middle, box, lead
        if best is None and not crowded:
            return None
        if best is None:
            places[one] = (_RADII[0] + half[0], 0.0, False)
            continue
        _, middle, box, lead = best
        taken, leaders = np.vstack([taken, box]), np.vstack([leaders, lead])
        places[one] = (*(middle - dots[one]), bool(len(lead)))
    return places


def _size(figure: Figure, text: str) -> np.ndarray:
    """Width and height of a label in pixels."""
    label = figure.text(0, 0, text, fontsize=_SIZE)
    box = label.get_window_extent()
    label.remove()
    return np.array([box.width, box.height])


def _sampled(line: np.ndarray) -> np.ndarray:
    """Points on a polyline, shape (m, 2), about two apart."""
    parts = [
        np.linspace(start, stop, 2 + int(np.hypot(*(stop - start)) / 2)) for start, stop in itertools.pairwise(line)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 2))


def _meets(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the boxes (left, bottom, right, top), shape (m, 4), overlap a box."""
    return (others[:, :2] < box[2:]).all(axis=1) & (others[:, 2:] > box[:2]).all(axis=1)


def _within(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Which points, shape (m, 2), are in a box."""
    return ((points > box[:2]) & (points < box[2:])).all(axis=1)
