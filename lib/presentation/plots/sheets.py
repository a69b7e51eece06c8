"""Layout of figures made of images: axes at computed places, titles that fit, and checks of arrays of images.

Images are placed in points on axes of computed size, because a layout engine is only approximate. Arrays of images are
uint8 in 0 to 255 or floats in 0 to 1, of shape (n, height, width, 3), (n, height, width, 1) or (n, height, width); one
channel is drawn in grey.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.textpath import text_to_path

from lib.core.characters import readable
from lib.presentation.plots.style import FONT, WIDTH, drawable, without_middle

SMALL = 7.0  # points: text above an image
LINE = 0.13  # inches: one line of it
LABEL = 0.33  # inches: the column of row labels
GAP = 0.06  # inches: between images

_LARGEST = 1.3  # inches: no image is wider
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class Sheet:
    """A figure with axes for images at computed places.

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
        """Lay out the axes; all lengths are in inches.

        Args:
            rows: Rows of images.
            columns: Columns of images.
            width: Width of an image.
            aspect: Its height over its width.
            heads: Space above each row.
            left: Space left of all images.
            right: Space right of all images.
            split: A number of columns, and the extra space after so many of them, and again after as many.
            foot: Space below the last row.
        """
        height = width * aspect
        every, extra = split or (columns, 0.0)
        across = left + columns * (width + GAP) + right + extra * ((columns - 1) // every)
        down = sum(heads) + rows * height + foot
        self.height = height
        # Not "none": saving in the style would then start its layout engine, which knows no axes at given places.
        self.figure = Figure(figsize=(across, down), layout=PlaceHolderLayoutEngine(True, True))
        self.grid = np.empty((rows, columns), dtype=object)
        for row in range(rows):
            bottom = down - sum(heads[: row + 1]) - (row + 1) * height
            for column in range(columns):
                x = left + GAP / 2 + column * (width + GAP) + extra * (column // every)
                box = (x / across, bottom / down, width / across, height / down)
                self.grid[row, column] = self.figure.add_axes(box)

    def name_rows(self, *names: str) -> None:
        """Name each row at its left side; the name is hyphenated where the images are low."""
        for axes, name in zip(self.grid[:, 0], names, strict=True):
            if name == "Reconstruction" and self.height < 0.95:
                name = "Recon-\nstruction"
            write_at(axes, name, (0, 0.5), (-4, 0), rotation=90, ha="right", va="center", linespacing=1.0)


def as_images(images) -> np.ndarray:
    """Return images as an array; raise ValueError for any other shape."""
    images = np.asarray(images)
    if images.shape[0] == 0 or images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3)):
        return images
    raise ValueError(f"images of shape {images.shape}; expected (n, height, width) or (n, height, width, 1 or 3)")


def as_pairs(originals, reconstructions) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays of images; raise ValueError if they differ in length."""
    originals, reconstructions = as_images(originals), as_images(reconstructions)
    if len(originals) != len(reconstructions):
        raise ValueError(f"{len(originals)} originals for {len(reconstructions)} reconstructions; give as many of each")
    return originals, reconstructions


def unit_range(images: np.ndarray) -> np.ndarray:
    """Pixels as floats in 0 to 1."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255
    return np.clip(images.astype(np.float32), 0, 1)


def height_over_width(images: np.ndarray) -> float:
    """Height over width."""
    return images.shape[1] / images.shape[2]


def image_width(columns: int, taken: float = 0.0) -> float:
    """Width of an image in inches, where a number of columns share the page less the inches taken."""
    return min((WIDTH - taken - GAP * columns) / columns, _LARGEST)


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Draw one image without ticks, grey where it has one channel."""
    image = unit_range(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, aspect="auto")
    draw_frame(axes)


def draw_frame(axes: Axes) -> None:
    """Draw a thin frame, so that white images are seen on white paper."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#AAAAAA", linewidth=0.5)


def lay_over(axes: Axes, heat_map: np.ndarray, shape: Sequence[int], **limits: float) -> AxesImage:
    """Draw a heat map over an image of a shape; `limits` are those of the colours."""
    height, across = shape[:2]
    drawn = axes.imshow(
        heat_map,
        cmap="inferno",
        alpha=0.7,
        interpolation="bilinear",
        extent=(-0.5, across - 0.5, height - 0.5, -0.5),
        aspect="auto",
        **limits,
    )
    draw_frame(axes)
    return drawn


def brightness(image: np.ndarray) -> np.ndarray:
    """The brightness of an image, 0 to 1, shape (height, width)."""
    image = unit_range(image)
    if image.ndim == 2:
        return image
    return image[..., 0] if image.shape[-1] == 1 else image @ _BRIGHTNESS


def write_at(axes: Axes, text: str, corner: tuple[float, float], points: tuple[float, float], **kwargs) -> None:
    """Write text at a distance in points from a corner, which is in fractions of the axes."""
    axes.annotate(
        text,
        corner,
        xycoords="axes fraction",
        xytext=points,
        textcoords="offset points",
        **{"fontsize": 8} | kwargs,
    )


def write_above(axes: Axes, points: float, text: str, **kwargs) -> None:
    """Write a line of small text above the middle of an image, at a distance in points."""
    write_at(axes, text, (0.5, 1), (0, points), ha="center", fontsize=SMALL + 0.5, **kwargs)


def short_score(value: float) -> str:
    """A score, short enough for the width of an image."""
    return f"{value:.4f}" if 0.001 <= abs(value) < 100 else f"{value:.3g}"


def line_count(text: str) -> int:
    """Number of lines of a text."""
    return text.count("\n") + 1 if text else 0


def fitted(text: str, inches: float) -> str:
    """A text with each line broken into at most two at spaces and underscores; what is too long loses its middle."""
    font = FontProperties(family=FONT, size=SMALL)

    def width(piece: str) -> float:
        return text_to_path.get_text_width_height_descent(piece, font, ismath=False)[0] / 72

    def fits(piece: str) -> bool:
        return width(piece) <= inches

    def shortened(piece: str) -> str:
        if fits(piece):
            return piece
        kept = int(1.3 * len(piece) * inches / width(piece))
        while kept and not fits(without_middle(piece, kept)):
            kept -= 1
        return without_middle(piece, kept)

    pieces = []
    for line in (drawable(readable(line)) for line in text.split("\n")):
        words = line.replace("_", "_\0").replace(" ", " \0").split("\0")
        first = words.pop(0)
        while words and fits((first + words[0]).rstrip()):
            first += words.pop(0)
        pieces += [shortened(piece.strip()) for piece in (first, "".join(words)) if piece.strip()]
    return "\n".join(pieces)
