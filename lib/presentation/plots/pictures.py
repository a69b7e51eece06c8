"""Figures made of photographs: grids, reconstructions, extremes and difference maps.

Pictures are placed to the point, on axes of computed size, because a layout engine only comes close. Images
are uint8 in 0 to 255 or floats in 0 to 1, of shape (n, height, width, 3), (n, height, width, 1) or (n,
height, width); one channel is shown as grey. Without images each function gives a one-line figure that says
so, since "no missed anomaly" is a result and not an error.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator

from lib.presentation.plots.style import ANOMALY, ANOMALY_TEXT, NORMAL, NORMAL_TEXT, WIDTH, note, styled

EMPTY = "No image in this group."

_SMALL = 7.0  # points: text above a picture
_LINE = 0.13  # inches: one line of it
_LABEL = 0.33  # inches: the column of row labels
_GAP = 0.06  # inches: between pictures
_LARGEST = 1.3  # inches: no picture is wider


@styled
def image_grid(images, titles: Sequence[str] | None = None, columns: int = 8, empty: str = EMPTY) -> Figure:
    """Lay images out in rows, each with a short title above it.

    Args:
        images: n images (see the module).
        titles: One text per image, such as its class and score; line breaks are kept, what is too long is
            broken at spaces and underscores into two lines, and shortened if that is not enough.
        columns: Images in a row.
        empty: What the figure says when there are no images.

    Returns:
        Figure with n pictures, or with the one line `empty`.

    Raises:
        ValueError: The number of titles is not the number of images, or the images have no known shape.
    """
    images = _pictures(images)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; give one title per image")
    if not len(images):
        return note(empty)
    rows = math.ceil(len(images) / columns)
    width = _width(columns)
    texts = [_fit(title, width) for title in titles] if titles is not None else [""] * len(images)
    lines = [max(map(_lines, texts[row * columns : (row + 1) * columns])) for row in range(rows)]
    sheet = Sheet(rows, min(columns, len(images)), width, _aspect(images), [_LINE * n + 0.03 for n in lines])
    for place, (axes, image) in enumerate(zip(sheet.grid.flat, images, strict=False)):
        _show(axes, image)
        axes.set_title(texts[place], fontsize=_SMALL, pad=3, parse_math=False, linespacing=1.15)
    for axes in sheet.grid.flat[len(images) :]:
        axes.remove()
    return sheet.figure


@styled
def reconstruction_pairs(originals, reconstructions, n: int = 8, empty: str = EMPTY) -> Figure:
    """Show the first n originals above their reconstructions.

    Args:
        originals: m images (see the module).
        reconstructions: What the detector made of them, same order and size.
        n: How many pairs at most; fewer images give fewer pairs.
        empty: What the figure says when there are no images.

    Returns:
        Figure with two rows of pictures.

    Raises:
        ValueError: The two arrays differ in length, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    if not len(originals):
        return note(empty)
    sheet = Sheet(2, min(n, len(originals)), _width(n, _LABEL), _aspect(originals), [0.03, _GAP], left=_LABEL)
    for column, (upper, lower) in enumerate(sheet.grid.T):
        _show(upper, originals[column])
        _show(lower, reconstructions[column])
    sheet.name_rows("Original", "Reconstruction")
    return sheet.figure


@styled
def extremes(originals, reconstructions, scores, flagged, each: int = 4, empty: str = EMPTY) -> Figure:
    """Show the images with the lowest and the highest scores, with reconstruction, score and verdict.

    Args:
        originals: m images (see the module): all of a group, or only those to show.
        reconstructions: What the detector made of them, same order and size.
        scores: Anomaly scores, shape (m,).
        flagged: Whether each is judged an anomaly, shape (m,).
        each: How many from either end. With fewer than twice as many images all are shown, none twice.
        empty: What the figure says when there are no images.

    Returns:
        Figure with two rows of pictures, scores rising from left to right. The verdict stands above each
        column in words and colour, and an anomaly's frame is solid while a normal image's is dashed.

    Raises:
        ValueError: Lengths differ, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    scores, flagged = np.asarray(scores, dtype=float), np.asarray(flagged, dtype=bool)
    if not len(originals) == len(scores) == len(flagged):
        raise ValueError(f"{len(originals)} images, {len(scores)} scores, {len(flagged)} verdicts; give one of each")
    if not len(originals):
        return note(empty)
    order = np.argsort(scores, kind="stable")
    low = order[: min(each, math.ceil(len(order) / 2))]
    high = order[len(low) :][-each:]
    between = 0.16
    sheet = Sheet(
        2,
        len(low) + len(high),
        _width(2 * each, _LABEL + between),
        _aspect(originals),
        [0.52, _GAP],
        left=_LABEL,
        right=0.3 if len(high) < 2 else 0.0,  # "Highest scores" is wider than one picture
        split=(len(low), between),
    )
    for (upper, lower), index in zip(sheet.grid.T, [*low, *high], strict=True):
        anomaly = bool(flagged[index])
        for axes, image in ((upper, originals[index]), (lower, reconstructions[index])):
            _show(axes, image)
            for spine in axes.spines.values():
                spine.set(
                    color=ANOMALY if anomaly else NORMAL, linestyle="-" if anomaly else (0, (3, 2)), linewidth=1.5
                )
        _above(upper, 14, _score(scores[index]))
        _above(
            upper,
            4,
            "anomaly" if anomaly else "normal",
            fontweight="bold",
            color=ANOMALY_TEXT if anomaly else NORMAL_TEXT,
        )
    for text, column in (("Lowest scores", 0), ("Highest scores", len(low))):
        if column < sheet.grid.shape[1]:
            _beside(sheet.grid[0, column], text, (0, 1), (0, 27))
    sheet.name_rows("Original", "Reconstruction")
    return sheet.figure


@styled
def difference_maps(originals, reconstructions, scores, n: int = 5, empty: str = EMPTY) -> Figure:
    """Show where images and their reconstructions differ.

    Args:
        originals: m images (see the module); the first n are shown.
        reconstructions: What the detector made of them, same order and size.
        scores: Anomaly scores, shape (m,), written above the originals.
        n: How many images at most.
        empty: What the figure says when there are no images.

    Returns:
        Figure with three rows: original, reconstruction, and the absolute difference averaged over the
        channels (0 to 1), all maps on one colour scale with its bar.

    Raises:
        ValueError: Lengths differ, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    if len(scores) != len(originals):
        raise ValueError(f"{len(scores)} scores for {len(originals)} images; give one score per image")
    if not len(originals):
        return note(empty)
    across = min(n, len(originals))
    maps = np.abs(_unit(originals[:across]) - _unit(reconstructions[:across]))
    maps = maps.mean(axis=-1) if maps.ndim == 4 else maps
    bar = 0.55
    sheet = Sheet(3, across, _width(n, _LABEL + bar), _aspect(originals), [0.2, _GAP, _GAP], left=_LABEL, right=bar)
    for column, (upper, middle, lower) in enumerate(sheet.grid.T):
        _show(upper, originals[column])
        _above(upper, 4, f"score {_score(scores[column])}")
        _show(middle, reconstructions[column])
        drawn = lower.imshow(maps[column], cmap="inferno", vmin=0, vmax=max(float(maps.max()), 1e-6), aspect="auto")
        _frame(lower)
    box = sheet.grid[2, -1].get_position()
    inch = 1 / sheet.figure.get_figwidth()
    scale = sheet.figure.add_axes((box.x1 + 0.09 * inch, box.y0 + 0.04 * box.height, 0.1 * inch, 0.92 * box.height))
    sheet.figure.colorbar(drawn, cax=scale)
    scale.grid(False)
    scale.tick_params(labelsize=_SMALL, length=2)
    scale.yaxis.set_major_locator(MaxNLocator(4))
    sheet.name_rows("Original", "Reconstruction", "Difference")
    return sheet.figure


class Sheet:
    """A figure with axes for pictures at computed places.

    Attributes:
        figure: The figure.
        grid: Its axes, object array of shape (rows, columns).
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        width: float,
        aspect: float,
        heads: Sequence[float],
        left: float = 0.0,
        right: float = 0.0,
        split: tuple[int, float] | None = None,
        foot: float = 0.03,
    ):
        """Lay out a sheet; all lengths are in inches.

        Args:
            rows: Rows of pictures.
            columns: Columns of pictures.
            width: Width of a picture.
            aspect: Its height over its width.
            heads: Space above each row.
            left: Space left of all pictures.
            right: Space right of all pictures.
            split: A column, and the extra space before it.
            foot: Space below the last row.
        """
        height = width * aspect
        before, extra = split or (columns, 0.0)
        across = left + columns * (width + _GAP) + right + (extra if before < columns else 0.0)
        down = sum(heads) + rows * height + foot
        self.height = height
        self.figure = Figure(figsize=(across, down), layout="none")
        self.grid = np.empty((rows, columns), dtype=object)
        for row in range(rows):
            bottom = down - sum(heads[: row + 1]) - (row + 1) * height
            for column in range(columns):
                x = left + _GAP / 2 + column * (width + _GAP) + (extra if column >= before else 0.0)
                box = (x / across, bottom / down, width / across, height / down)
                self.grid[row, column] = self.figure.add_axes(box)

    def name_rows(self, *names: str) -> None:
        """Write what each row of pictures is along its left side, hyphenated where the pictures are low."""
        for axes, name in zip(self.grid[:, 0], names, strict=True):
            if name == "Reconstruction" and self.height < 0.95:
                name = "Recon-\nstruction"
            _beside(axes, name, (0, 0.5), (-4, 0), rotation=90, ha="right", va="center", linespacing=1.0)


def _pictures(images) -> np.ndarray:
    """Return images as an array, or say which shape was expected."""
    images = np.asarray(images)
    if images.shape[0] == 0 or images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3)):
        return images
    raise ValueError(f"images of shape {images.shape}; expected (n, height, width) or (n, height, width, 1 or 3)")


def _pairs(originals, reconstructions) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays of images, or say that one lacks partners."""
    originals, reconstructions = _pictures(originals), _pictures(reconstructions)
    if len(originals) != len(reconstructions):
        raise ValueError(f"{len(originals)} originals for {len(reconstructions)} reconstructions; give one each")
    return originals, reconstructions


def _unit(images: np.ndarray) -> np.ndarray:
    """Pixels as floats in 0 to 1."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255
    return np.clip(images.astype(np.float32), 0, 1)


def _aspect(images: np.ndarray) -> float:
    """Height over width."""
    return images.shape[1] / images.shape[2]


def _width(columns: int, taken: float = 0.0) -> float:
    """Width of a picture, in inches, when so many share what the page has left."""
    return min((WIDTH - taken - _GAP * columns) / columns, _LARGEST)


def _show(axes: Axes, image: np.ndarray) -> None:
    """Show one image without ticks, grey where it has one channel."""
    image = _unit(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, aspect="auto")
    _frame(axes)


def _frame(axes: Axes) -> None:
    """Give a picture a hairline, for white images on white paper."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#AAAAAA", linewidth=0.5)


def _beside(axes: Axes, text: str, corner: tuple[float, float], points: tuple[float, float], **kwargs) -> None:
    """Write text so many points from a place of the axes, which is given in their fractions."""
    axes.annotate(
        text,
        corner,
        xycoords="axes fraction",
        xytext=points,
        textcoords="offset points",
        parse_math=False,
        **{"fontsize": 8} | kwargs,
    )


def _above(axes: Axes, points: float, text: str, **kwargs) -> None:
    """Write a line of small text so many points above the middle of a picture."""
    _beside(axes, text, (0.5, 1), (0, points), ha="center", fontsize=_SMALL + 0.5, **kwargs)


def _score(value: float) -> str:
    """A score, short enough for a picture's width."""
    return f"{value:.4f}" if 0.001 <= abs(value) < 100 else f"{value:.3g}"


def _lines(text: str) -> int:
    """How many lines a text takes."""
    return text.count("\n") + 1 if text else 0


def _fit(text: str, inches: float) -> str:
    """Break each line of a text into at most two, at spaces and underscores, and shorten what is longer."""
    font = FontProperties(family="DejaVu Sans", size=_SMALL)

    def fits(piece: str) -> bool:
        return text_to_path.get_text_width_height_descent(piece, font, ismath=False)[0] <= inches * 72

    def shortened(piece: str) -> str:
        if fits(piece):
            return piece
        while piece and not fits(piece + "…"):
            piece = piece[:-1]
        return piece + "…"

    fitted = []
    for line in text.split("\n"):
        words = line.replace("_", "_\0").replace(" ", " \0").split("\0")
        first = words.pop(0)
        while words and fits((first + words[0]).rstrip()):
            first += words.pop(0)
        fitted += [shortened(piece.strip()) for piece in (first, "".join(words)) if piece.strip()]
    return "\n".join(fitted)
