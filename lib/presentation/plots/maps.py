"""Figures of where in an image a detector sees what no normal image has."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.presentation.plots.pictures import (
    _GAP,
    _LABEL,
    _LINE,
    _SMALL,
    EMPTY,
    Sheet,
    _above,
    _aspect,
    _beside,
    _fit,
    _frame,
    _lines,
    _pictures,
    _score,
    _show,
    _unit,
    _width,
)
from lib.presentation.plots.style import note, styled

_MOST = 8  # images side by side


@styled
def heat_maps(originals, maps, scores, labels: Sequence[str] | None = None, empty: str = EMPTY) -> Figure:
    """Show where in images a detector sees what no normal image has.

    Args:
        originals: k images, at most 8 (see `lib.presentation.plots.pictures`).
        maps: Distance of each place to the nearest normal patch, shape (k, rows, columns); coarser than the
            images as a rule, and drawn smoothly over them.
        scores: Anomaly scores, shape (k,).
        labels: One text per image, above it; long ones are broken into two lines.
        empty: What the figure says when there are no images.

    Returns:
        Figure with two rows of pictures: originals, and below each the same in grey under its map, all maps on one
        colour scale with its bar. The scores stand below.

    Raises:
        ValueError: Lengths differ, there are more than 8 images, or images or maps have no known shape.
    """
    originals = _pictures(originals)
    maps = np.asarray(maps, dtype=float)
    count = len(originals)
    if not count == len(maps) == len(scores) or (labels is not None and len(labels) != count):
        raise ValueError(f"{count} images, {len(maps)} maps, {len(scores)} scores; give one of each, and of labels")
    if not count:
        return note(empty)
    if count > _MOST:
        raise ValueError(f"{count} images; at most {_MOST} fit side by side")
    if maps.ndim != 3 or not np.isfinite(maps).all():
        raise ValueError(f"maps of shape {maps.shape}; expected (n, rows, columns), every distance finite")
    width = _width(max(count, 4), _LABEL)
    texts = ["" if labels is None else _fit(str(label), width) for label in (labels if labels is not None else scores)]
    head = _LINE * max(map(_lines, texts)) + 0.07
    narrow = 2.6 - _LABEL - count * (width + _GAP)  # inches that the words of the colour bar lack
    bar = 0.1
    sheet = Sheet(
        2, count, width, _aspect(originals), [head, _GAP], left=_LABEL, right=max(narrow, 0.0), foot=0.25 + bar + 0.36
    )
    low, high = float(maps.min()), float(maps.max())
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    height, across = originals.shape[1:3]
    for column, (upper, lower) in enumerate(sheet.grid.T):
        _show(upper, originals[column])
        if texts[column]:
            _above(upper, 5, texts[column], linespacing=1.15)
        _show(lower, _grey(originals[column]))
        drawn = lower.imshow(
            maps[column],
            cmap="inferno",
            alpha=0.55,
            vmin=low,
            vmax=high,
            interpolation="bilinear",
            extent=(-0.5, across - 0.5, height - 0.5, -0.5),
            aspect="auto",
        )
        _frame(lower)
        _beside(lower, _score(scores[column]), (0.5, 0), (0, -4), ha="center", va="top", fontsize=_SMALL + 0.5)
    _beside(sheet.grid[1, 0], "Score", (0, 0), (-4, -4), ha="right", va="top", fontsize=_SMALL + 0.5)
    sheet.name_rows("Original", "Map")
    inches = np.array(sheet.figure.get_size_inches())
    long = min(max(count * (width + _GAP) - 0.25, 2.0), 3.2)  # room for half the label of the last tick
    box = np.array([_LABEL + _GAP / 2, 0.36, long, bar]) / np.tile(inches, 2)
    scale = sheet.figure.add_axes(tuple(box))
    sheet.figure.colorbar(drawn, cax=scale, orientation="horizontal").solids.set_alpha(1)
    scale.grid(False)
    scale.tick_params(labelsize=_SMALL, length=2, pad=2)
    scale.xaxis.set_major_locator(MaxNLocator(4))
    scale.set_xlabel("distance to the nearest normal patch", fontsize=_SMALL + 0.5, labelpad=2)
    return sheet.figure


def _grey(image: np.ndarray) -> np.ndarray:
    """The brightness of an image, 0 to 1, shape (height, width)."""
    image = _unit(image)
    if image.ndim == 2:
        return image
    return image[..., 0] if image.shape[-1] == 1 else image @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
