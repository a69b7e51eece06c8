"""Figures of inspected images: each beside its heat map on one fixed scale, and the scores of groups of images."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from lib.core.formatting import count, percent
from lib.presentation.plots.pictures import EMPTY
from lib.presentation.plots.rows import figure_of_rows, write_beside, write_gap
from lib.presentation.plots.sheets import (
    GAP,
    LINE,
    SMALL,
    Sheet,
    as_images,
    brightness,
    fitted,
    height_over_width,
    image_width,
    lay_over,
    line_count,
    show_image,
    write_at,
)
from lib.presentation.plots.style import (
    ANOMALY,
    INK,
    NORMAL,
    THRESHOLD_LOOK,
    described,
    log_axis,
    note,
    some,
    styled,
)

MOST = 12  # images in a sheet
SCALE = "0: median of calibration images, 1: their conformal maximum"

_ACROSS = 3  # images beside each other, each with its map
_BETWEEN = 0.14  # inches: before the next image with its map
_OUTLINE = "#00C8E8"
_CLASSES = 8  # groups of anomalies that have a row of their own
_POINTS = 300  # of a group are drawn at most
_FEW = 4  # values; a group of fewer has no box


@styled
def inspected(pictures, maps, titles: Sequence[str], low: float, high: float, masks=None, empty: str = EMPTY) -> Figure:
    """Draw images, each beside its heat map on a scale that is the same for every image of a detector.

    Args:
        pictures: k images, at most 12; nothing of them is cut off.
        maps: Their heat maps, higher is more abnormal, shape (k, rows, columns); usually coarser than the images, and
            interpolated over them.
        titles: One text per image, above it and its map; a line of it that is too long is broken or shortened.
        low: The value drawn as 0, the median over the maps of calibration images.
        high: The value drawn as 1, the conformal maximum over them, above `low`. Values beyond are drawn as 0 and 1.
        masks: True where an image has a defect, bool (k, height, width), outlined on the image; None for none.
        empty: The sentence if there are no images.

    Returns:
        Figure with up to three images in a row: each image, and beside it the same in grey under its map.

    Raises:
        ValueError: Lengths differ, there are more than 12 images, images, maps or masks have an unknown shape, or the
            scale is not finite and rising.
    """
    pictures = as_images(pictures)
    maps, images = np.asarray(maps, dtype=float), len(pictures)
    masks = np.zeros((images, 1, 1), bool) if masks is None else np.asarray(masks, bool)
    if not images == len(maps) == len(titles) == len(masks):
        raise ValueError(
            f"{images} images, {len(maps)} maps, {len(titles)} titles, {len(masks)} masks; give as many of each"
        )
    if not images:
        return note(empty)
    if images > MOST:
        raise ValueError(f"{images} images; at most {MOST} fit on a sheet")
    if maps.ndim != 3 or masks.ndim != 3 or not np.isfinite(maps).all():
        raise ValueError(
            f"maps of shape {maps.shape}, masks of shape {masks.shape}; expected (n, rows, columns), finite"
        )
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"scale from {low} to {high}; give two finite numbers, the lower one first")
    scaled = (maps - low) / (high - low)
    across = min(images, _ACROSS)
    rows = math.ceil(images / across)
    width = image_width(2 * _ACROSS, (_ACROSS - 1) * _BETWEEN)
    texts = [fitted(str(title), 2 * width + GAP) for title in titles]
    heads = [LINE * max(map(line_count, texts[row * across : (row + 1) * across])) + 0.07 for row in range(rows)]
    sheet = Sheet(
        rows,
        2 * across,
        width,
        height_over_width(pictures),
        heads,
        right=max(4.8 - across * (2 * (width + GAP) + _BETWEEN) + _BETWEEN, 0.0),  # room for the words of the scale
        split=(2, _BETWEEN),
        foot=0.5,
    )
    pairs = sheet.grid.reshape(-1, 2)
    for axes in pairs[images:].flat:
        axes.remove()
    for (left, right), picture, own, mask, text in zip(pairs, pictures, scaled, masks, texts, strict=False):
        show_image(left, picture)
        if mask.any():
            _outline(left, mask, picture.shape)
        show_image(right, brightness(picture))
        drawn = lay_over(right, own, picture.shape, vmin=0, vmax=1)
        middle = 1 + GAP / width / 2
        write_at(left, text, (middle, 1), (0, 4), ha="center", fontsize=SMALL + 0.5, linespacing=1.15)
    _draw_scale(sheet, drawn, f"{SCALE}\noutline: mask of the defect" if masks.any() else SCALE)
    highest = scaled.max(axis=(1, 2))
    items = [
        f"{': '.join(str(title).splitlines())} (up to {value:.2f})"
        for title, value in zip(titles, highest, strict=True)
    ]
    outlined = int(masks.any(axis=(1, 2)).sum())
    return described(
        sheet.figure,
        f"{count(images, 'image')}, each beside its heat map on one scale ({SCALE}). {some(items)}."
        + (f" The masks of {count(outlined, 'image')} are outlined." if outlined else ""),
    )


def _outline(axes: Axes, mask: np.ndarray, shape: Sequence[int]) -> None:
    """Outline a mask on an image of a shape, also where it touches the edge."""
    sides = [
        (np.arange(-1, size + 1) + 0.5) * length / size - 0.5 for size, length in zip(mask.shape, shape, strict=False)
    ]
    limits = axes.get_xlim(), axes.get_ylim()
    lines = axes.contour(
        sides[1], sides[0], np.pad(mask, 1).astype(float), levels=[0.5], colors=_OUTLINE, linewidths=1.1
    )
    lines.set_path_effects([withStroke(linewidth=2.2, foreground=INK)])
    axes.set(xlim=limits[0], ylim=limits[1])


def _draw_scale(sheet: Sheet, drawn: AxesImage, words: str) -> None:
    """The colours from 0 to 1 below the images, and what they stand for."""
    across, down = sheet.figure.get_size_inches()
    scale = sheet.figure.add_axes((0.1 / across, 0.24 / down, 1.1 / across, 0.1 / down))
    sheet.figure.colorbar(drawn, cax=scale, orientation="horizontal").solids.set_alpha(1)
    scale.grid(False)
    scale.set_xticks([0, 1], ["0", "1"])
    scale.tick_params(labelsize=SMALL, length=2, pad=2)
    write_at(scale, words, (1, 0.5), (8, 0), va="center", fontsize=SMALL + 0.5)


@styled
def score_distribution(groups: Mapping[str, Sequence[float]], threshold: float) -> Figure:
    """Draw the scores of groups of images under each other, with the threshold.

    Args:
        groups: Scores by group: those of the calibration images and of the normal test images first, then those of the
            anomalies by class, the largest class first. Any of them may be empty, but not all. Of more than nine
            classes the first eight have a row of their own; the rest are together in one.
        threshold: The threshold; a higher score is flagged.

    Returns:
        Figure with one row per group: a point per image (of many images some, the extremes among them), a box from the
        lower to the upper quartile with a line at the median, and how many are flagged. The axis is logarithmic if all
        scores are above zero and spread over more than a factor of 20.

    Raises:
        ValueError: There are no scores, or one is not finite.
    """
    rows = {name: np.sort(np.asarray(scores, dtype=float)) for name, scores in groups.items()}
    normal, anomalies = list(rows)[:2], list(rows)[2:]
    if len(anomalies) > _CLASSES + 1:
        rest = anomalies[_CLASSES:]
        together = np.sort(np.concatenate([rows.pop(name) for name in rest]))
        rows[f"{len(rest):,} other classes"] = together
    pooled = np.concatenate([*rows.values(), []])
    if not pooled.size or not np.isfinite(pooled).all():
        raise ValueError("score distribution: needs at least one score, and every score finite")
    figure, axes = figure_of_rows(list(rows), head=0.75, row=0.3)
    log = bool(pooled.min() > 0 and pooled.max() > 20 * pooled.min())
    if log:
        axes.set_xscale("log")
    items = []
    for place, (name, scores) in enumerate(rows.items()):
        if not scores.size:
            write_gap(axes, place, "no images")
            items.append(f"{name}: no images")
            continue
        colour, marker = (NORMAL, "o") if name in normal else (ANOMALY, "s")
        _draw_group(axes, place, scores, colour, marker)
        flagged = int((scores > threshold).sum())
        write_beside(axes, place, f"{flagged:,} of {scores.size:,} flagged")
        middle = f"median {np.median(scores):.3g}, {scores[0]:.3g} to {scores[-1]:.3g}, "
        items.append(
            f"{name}: {middle if scores.size > 1 else f'{scores[0]:.3g}, '}{flagged:,} of {scores.size:,} flagged "
            f"({percent(flagged / scores.size)})"
        )
    ends = [pooled.min(), pooled.max(), *([threshold] if np.isfinite(threshold) and (threshold > 0 or not log) else [])]
    axes.set_xlim(*_with_margin(min(ends), max(ends), log))
    if log:
        log_axis(axes.xaxis)
    if len(ends) > 2:
        axes.axvline(threshold, label=f"Threshold {threshold:.4g}: above it, an image is flagged", **THRESHOLD_LOOK)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    axes.set_xlabel("Anomaly score (log scale)" if log else "Anomaly score")
    return described(
        figure,
        f"Strip chart of anomaly scores by group. {some(items)}."
        + (f" Threshold {threshold:.4g}." if np.isfinite(threshold) else ""),
    )


def _draw_group(axes: Axes, place: int, scores: np.ndarray, colour: str, marker: str) -> None:
    """Draw sorted scores as points at different heights in a row, and their quartiles as a box."""
    chosen = scores[np.unique(np.linspace(0, scores.size - 1, _POINTS).round().astype(int))]
    offsets = 0.5 * ((np.arange(chosen.size) * 0.618034) % 1 - 0.5) if chosen.size > 1 else np.zeros(1)
    axes.plot(chosen, place + offsets, marker, color=colour, markersize=3, markeredgewidth=0, alpha=0.5, zorder=2)
    if scores.size < _FEW:
        return
    low, middle, high = np.quantile(scores, [0.25, 0.5, 0.75])
    axes.plot(
        [low, high, high, low, low], place + np.array([-0.33, -0.33, 0.33, 0.33, -0.33]), color=INK, linewidth=0.9
    )
    axes.plot([middle, middle], [place - 0.33, place + 0.33], color=INK, linewidth=1.8)


def _with_margin(low: float, high: float, log: bool) -> tuple[float, float]:
    """Limits of an axis around values, never equal."""
    if log:
        margin = max((high / low) ** 0.03, 1.05)
        return low / margin, high * margin
    margin = 0.03 * (high - low) or 0.5 * abs(high) or 0.5
    return low - margin, high + margin
