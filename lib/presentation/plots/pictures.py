"""Figures made of images: grids, reconstructions, extreme scores, difference maps and heat maps.

Images are arrays as described in `lib.presentation.plots.sheets`. Without images each function returns a figure with
one sentence that says so, because "no missed anomaly" is a result and not an error.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.core.formatting import count
from lib.presentation.plots.sheets import (
    GAP,
    LABEL,
    LINE,
    SMALL,
    Sheet,
    as_images,
    as_pairs,
    brightness,
    draw_frame,
    fitted,
    height_over_width,
    image_width,
    lay_over,
    line_count,
    short_score,
    show_image,
    unit_range,
    write_above,
    write_at,
)
from lib.presentation.plots.style import (
    ANOMALY,
    ANOMALY_TEXT,
    NORMAL,
    NORMAL_TEXT,
    described,
    note,
    some,
    styled,
)

EMPTY = "No image in this group."

_MOST = 8  # heat maps side by side


@styled
def image_grid(images, titles: Sequence[str] | None = None, columns: int = 8, empty: str = EMPTY) -> Figure:
    """Draw images in rows, each with a short title above it.

    Args:
        images: n images.
        titles: One text per image, such as its class and score. Line breaks are kept; a line that is too long is
            broken at spaces and underscores into two, and shortened if that is not enough.
        columns: Images in a row.
        empty: The sentence if there are no images.

    Returns:
        Figure with n images, or with the sentence `empty`.

    Raises:
        ValueError: The number of titles is not the number of images, or the images have an unknown shape.
    """
    images = as_images(images)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; give one title per image")
    if not len(images):
        return note(empty)
    rows = math.ceil(len(images) / columns)
    width = image_width(columns)
    titles = [""] * len(images) if titles is None else [str(title) for title in titles]
    texts = [fitted(title, width) for title in titles]
    lines = [max(map(line_count, texts[row * columns : (row + 1) * columns])) for row in range(rows)]
    heads = [LINE * n + 0.03 for n in lines]
    sheet = Sheet(rows, min(columns, len(images)), width, height_over_width(images), heads)
    for axes, image, text in zip(sheet.grid.flat, images, texts, strict=False):
        show_image(axes, image)
        axes.set_title(text, fontsize=SMALL, pad=3, linespacing=1.15)
    for axes in sheet.grid.flat[len(images) :]:
        axes.remove()
    pixels = f"{images.shape[2]} × {images.shape[1]}"
    named = f", in reading order {some([': '.join(title.splitlines()) for title in titles])}" if any(titles) else ""
    return described(sheet.figure, f"Grid of {count(len(images), 'image')} of {pixels} pixels{named}.")


@styled
def reconstruction_pairs(originals, reconstructions, n: int = 8, empty: str = EMPTY) -> Figure:
    """Draw the first n originals above their reconstructions.

    Args:
        originals: m images.
        reconstructions: Their reconstructions, same order and size.
        n: The highest number of pairs.
        empty: The sentence if there are no images.

    Returns:
        Figure with two rows of images.

    Raises:
        ValueError: The arrays differ in length, or the images have an unknown shape.
    """
    originals, reconstructions = as_pairs(originals, reconstructions)
    if not len(originals):
        return note(empty)
    originals, reconstructions = originals[:n], reconstructions[:n]
    sheet = Sheet(2, len(originals), image_width(n, LABEL), height_over_width(originals), [0.03, GAP], left=LABEL)
    for column, (upper, lower) in enumerate(sheet.grid.T):
        show_image(upper, originals[column])
        show_image(lower, reconstructions[column])
    sheet.name_rows("Original", "Reconstruction")
    squares = np.square(unit_range(originals) - unit_range(reconstructions))
    errors = squares.reshape(len(originals), -1).mean(axis=1)
    partners = "its reconstruction" if len(originals) == 1 else "their reconstructions"
    return described(
        sheet.figure,
        f"{count(len(originals), 'image')} above {partners}; mean squared error "
        f"{some([f'{error:.2g}' for error in errors])}.",
    )


@styled
def extremes(originals, reconstructions, scores, flagged, n: int = 4, empty: str = EMPTY) -> Figure:
    """Draw the images with the lowest and the highest scores, with reconstruction, score and decision.

    Args:
        originals: m images, all of a group or only those to draw.
        reconstructions: Their reconstructions, same order and size.
        scores: Anomaly scores, shape (m,).
        flagged: Whether each image is flagged as an anomaly, shape (m,).
        n: The number of images of either kind. Fewer than 2n images are all drawn, none of them twice.
        empty: The sentence if there are no images.

    Returns:
        Figure with two rows of images, scores rising from left to right. The decision is written above each column,
        in colour; the frame of an anomaly is solid, that of a normal image dashed.

    Raises:
        ValueError: Lengths differ, or the images have an unknown shape.
    """
    originals, reconstructions = as_pairs(originals, reconstructions)
    scores, flagged = np.asarray(scores, dtype=float), np.asarray(flagged, dtype=bool)
    if not len(originals) == len(scores) == len(flagged):
        raise ValueError(f"{len(originals)} images, {len(scores)} scores, {len(flagged)} decisions; give one of each")
    if not len(originals):
        return note(empty)
    order = np.argsort(scores, kind="stable")
    low = order[: min(n, math.ceil(len(order) / 2))]
    high = order[len(low) :][-n:]
    between = 0.16
    sheet = Sheet(
        2,
        len(low) + len(high),
        image_width(2 * n, LABEL + between),
        height_over_width(originals),
        [0.52, GAP],
        left=LABEL,
        right=0.3 if len(high) < 2 else 0.0,  # "Highest scores" is wider than one image
        split=(len(low), between),
    )
    decisions = np.where(flagged, "anomaly", "normal")
    for (upper, lower), index in zip(sheet.grid.T, [*low, *high], strict=True):
        colour, text_colour, dashes = (
            (ANOMALY, ANOMALY_TEXT, "-") if flagged[index] else (NORMAL, NORMAL_TEXT, (0, (3, 2)))
        )
        for axes, image in ((upper, originals[index]), (lower, reconstructions[index])):
            show_image(axes, image)
            for spine in axes.spines.values():
                spine.set(color=colour, linestyle=dashes, linewidth=1.5)
        write_above(upper, 14, short_score(scores[index]))
        write_above(upper, 4, str(decisions[index]), fontweight="bold", color=text_colour)
    groups = []
    for text, indices, column in (("Lowest scores", low, 0), ("Highest scores", high, len(low))):
        if len(indices):
            write_at(sheet.grid[0, column], text, (0, 1), (0, 27))
            items = some([f"{short_score(scores[index])} ({decisions[index]})" for index in indices])
            groups.append(f"{text}, with decisions: {items}.")
    sheet.name_rows("Original", "Reconstruction")
    images = count(len(low) + len(high), "image")
    return described(sheet.figure, f"{images} above the reconstructions, by anomaly score. {' '.join(groups)}")


@styled
def difference_maps(originals, reconstructions, scores, n: int = 5, empty: str = EMPTY) -> Figure:
    """Draw where images and their reconstructions differ.

    Args:
        originals: m images, of which the first n are drawn.
        reconstructions: Their reconstructions, same order and size.
        scores: Anomaly scores, shape (m,), written above the originals.
        n: The highest number of images.
        empty: The sentence if there are no images.

    Returns:
        Figure with three rows: original, reconstruction, and the absolute difference averaged over the channels (0 to
        1). All maps have one colour scale, with its bar.

    Raises:
        ValueError: Lengths differ, or the images have an unknown shape.
    """
    originals, reconstructions = as_pairs(originals, reconstructions)
    if len(scores) != len(originals):
        raise ValueError(f"{len(scores)} scores for {len(originals)} images; give one score per image")
    if not len(originals):
        return note(empty)
    across = min(n, len(originals))
    maps = np.abs(unit_range(originals[:across]) - unit_range(reconstructions[:across]))
    maps = maps.mean(axis=-1) if maps.ndim == 4 else maps
    largest = float(maps.max())
    bar = 0.55
    width, aspect = image_width(n, LABEL + bar), height_over_width(originals)
    sheet = Sheet(3, across, width, aspect, [0.2, GAP, GAP], left=LABEL, right=bar)
    texts = [short_score(score) for score in scores[:across]]
    for column, (upper, middle, lower) in enumerate(sheet.grid.T):
        show_image(upper, originals[column])
        write_above(upper, 4, f"score {texts[column]}")
        show_image(middle, reconstructions[column])
        drawn = lower.imshow(maps[column], cmap="inferno", vmin=0, vmax=max(largest, 1e-6), aspect="auto")
        draw_frame(lower)
    box = sheet.grid[2, -1].get_position()
    inch = 1 / sheet.figure.get_figwidth()
    scale = sheet.figure.add_axes((box.x1 + 0.09 * inch, box.y0 + 0.04 * box.height, 0.1 * inch, 0.92 * box.height))
    sheet.figure.colorbar(drawn, cax=scale)
    scale.grid(False)
    scale.tick_params(labelsize=SMALL, length=2)
    scale.yaxis.set_major_locator(MaxNLocator(4))
    sheet.name_rows("Original", "Reconstruction", "Difference")
    return described(
        sheet.figure,
        f"{count(across, 'image')} from top to bottom with reconstruction and map of their difference, of at most "
        f"{largest:.2f}. Anomaly score {some(texts)}.",
    )


@styled
def heat_maps(originals, maps, scores, titles: Sequence[str] | None = None, empty: str = EMPTY) -> Figure:
    """Draw where images differ from all normal images.

    Args:
        originals: k images, at most 8.
        maps: Distance of each place from normal patches, shape (k, rows, columns); usually coarser than the
            images, and interpolated over them.
        scores: Anomaly scores, shape (k,).
        titles: One text per image, above it; long ones are broken into two lines.
        empty: The sentence if there are no images.

    Returns:
        Figure with two rows of images: originals, and below each the same in grey under its map. All maps have one
        colour scale, with its bar. The scores are below.

    Raises:
        ValueError: Lengths differ, there are more than 8 images, or images or maps have an unknown shape.
    """
    originals = as_images(originals)
    maps = np.asarray(maps, dtype=float)
    images = len(originals)
    if not images == len(maps) == len(scores) or (titles is not None and len(titles) != images):
        raise ValueError(
            f"{images} images, {len(maps)} maps, {len(scores)} scores; give as many of each, and of titles"
        )
    if not images:
        return note(empty)
    if images > _MOST:
        raise ValueError(f"{images} images; at most {_MOST} fit side by side")
    if maps.ndim != 3 or not np.isfinite(maps).all():
        raise ValueError(f"maps of shape {maps.shape}; expected (n, rows, columns), every distance finite")
    width = image_width(max(images, 4), LABEL)
    titles = [""] * images if titles is None else [str(title) for title in titles]
    texts = [fitted(title, width) for title in titles]
    head = LINE * max(map(line_count, texts)) + 0.07
    narrow = 2.6 - LABEL - images * (width + GAP)  # inches that the label of the colour bar lacks
    bar = 0.1
    sheet = Sheet(
        2,
        images,
        width,
        height_over_width(originals),
        [head, GAP],
        left=LABEL,
        right=max(narrow, 0.0),
        foot=0.25 + bar + 0.36,
    )
    nearest, farthest = float(maps.min()), float(maps.max())
    low, high = (nearest, farthest) if nearest < farthest else (min(nearest, 0.0), max(farthest, 0.0) or 1.0)
    for column, (upper, lower) in enumerate(sheet.grid.T):
        show_image(upper, originals[column])
        if texts[column]:
            write_above(upper, 5, texts[column], linespacing=1.15)
        show_image(lower, brightness(originals[column]))
        drawn = lay_over(lower, maps[column], originals.shape[1:3], vmin=low, vmax=high)
        write_at(lower, short_score(scores[column]), (0.5, 0), (0, -4), ha="center", va="top", fontsize=SMALL + 0.5)
    write_at(sheet.grid[1, 0], "Score", (0, 0), (-4, -4), ha="right", va="top", fontsize=SMALL + 0.5)
    sheet.name_rows("Original", "Map")
    inches = np.array(sheet.figure.get_size_inches())
    long = min(max(images * (width + GAP) - 0.25, 2.0), 3.2)  # room for half the label of the last tick
    box = np.array([LABEL + GAP / 2, 0.36, long, bar]) / np.tile(inches, 2)
    scale = sheet.figure.add_axes(tuple(box))
    sheet.figure.colorbar(drawn, cax=scale, orientation="horizontal").solids.set_alpha(1)
    scale.grid(False)
    scale.tick_params(labelsize=SMALL, length=2, pad=2)
    scale.xaxis.set_major_locator(MaxNLocator(4))
    scale.set_xlabel("distance from normal patches", fontsize=SMALL + 0.5, labelpad=2)
    items = some(
        [f"{title}: {short_score(score)}".removeprefix(": ") for title, score in zip(titles, scores, strict=True)]
    )
    of = "of " if any(titles) else ""
    return described(
        sheet.figure,
        f"{count(images, 'image')} above a heat map of distances from normal patches, {short_score(nearest)} "
        f"to {short_score(farthest)}. Anomaly score {of}{items}.",
    )


@styled
def decisions(images, titles: Sequence[str], heat_map=None, scale: Sequence[float] = ()) -> Figure:
    """Draw a few decided images in a row, the first of them with its heat map beside it.

    Args:
        images: One or more images, in the order wanted; they may differ in size.
        titles: One text per image, above it.
        heat_map: Of the first image, shape (rows, columns), brighter is more abnormal; None draws none.
        scale: The values drawn darkest and brightest; empty for those of the map itself.

    Returns:
        Figure with one row of images.

    Raises:
        ValueError: Lengths differ, or the images have an unknown shape.
    """
    drawn = [as_images(np.asarray(image)[None])[0] for image in images]
    if len(drawn) != len(titles) or not drawn:
        raise ValueError(f"{len(titles)} titles for {len(drawn)} images; give one title per image")
    texts = list(titles)
    if heat_map is not None:
        drawn.insert(1, brightness(drawn[0]))
        texts.insert(1, "Heat map")
    width = image_width(max(len(drawn), 4))
    texts = [fitted(text, width) for text in texts]
    head = LINE * max(map(line_count, texts)) + 0.07
    sheet = Sheet(1, len(drawn), width, height_over_width(drawn[0][None]), [head])
    for axes, image, text in zip(sheet.grid[0], drawn, texts, strict=True):
        show_image(axes, image)
        write_above(axes, 5, text, linespacing=1.15)
    if heat_map is not None:
        limits = dict(zip(("vmin", "vmax"), scale, strict=False))
        lay_over(sheet.grid[0, 1], np.asarray(heat_map, dtype=float), drawn[0].shape, **limits)
    names = [": ".join(text.split("\n")) for text in texts]
    return described(sheet.figure, f"{count(len(drawn), 'picture')} in a row: {some(names)}.")
