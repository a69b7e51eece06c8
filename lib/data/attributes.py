"""Measurements of an image that need no label, to find what the detectors' mistakes have in common.

Many photographs were pasted on white, which leaves blank strips along their edges. The strips are measured and then
cut off, so that all other attributes are of the photograph alone.

The background is estimated from the frame, the outermost twelfth of what remains. A pixel is background where two
opposite sides of the frame have its colour nearby: left and right at about its height, so that a sky above and a
meadow below are both background; or top and bottom at about its column. So is each pixel near the frame's most
frequent colour. The rest is divided into connected pieces: the largest, and those of at least a fifth of its size, are
the object; all else is background. This is the boundary prior of saliency detection (Wei, Wen, Zhu and Sun, European
Conference on Computer Vision 2012, 29-42); two sides are needed, so that an object that touches one is not lost. The
estimate is right for an object before layers of plain ground. It counts large clutter as object, and misses an object
that has the colour of its surroundings or is cut off on two sides.

A pixel looks like sky where it is smooth and blue, grey or white. Smooth dry tarmac and still water look so too.

Hue, saturation and value are those of the HSV model; luma weighs red, green and blue by 0.299, 0.587 and 0.114.
"""

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.ndimage

from lib.core import cache

if TYPE_CHECKING:
    from lib.data.images import ImageSet

# Every attribute, with a noun phrase that can follow "more" and "less".
DESCRIPTIONS = {
    "brightness": "brightness",
    "saturation": "saturation",
    "red_share": "red",
    "dominant_warmth": "warmth of the dominant hue",
    "white_margin": "blank margin",
    "background_grey": "grey in the background",
    "background_blue": "blue in the background",
    "background_grey_or_blue": "grey or blue in the background",
    "background_white": "white in the background",
    "background_uniformity": "uniformity of the background",
    "background_share": "background",
    "background_not_sky": "background other than sky",
    "ground_share": "ground in the lower third",
    "object_area": "area of the object",
    "object_red": "red in the object",
    "object_centring": "centring of the object",
    "edge_density": "edge density",
    "ground_contrast": "contrast between the lower and the upper background",
    "ground_texture": "texture in the lower background",
}

COLOUR = (  # mean nothing for grey images
    "saturation",
    "red_share",
    "dominant_warmth",
    "background_grey",
    "background_blue",
    "background_grey_or_blue",
    "background_not_sky",
    "ground_share",
    "object_red",
)

_BLANK = 240 / 255  # every channel above it is white
_WIDEST = 1 / 6  # of a side: no blank strip is wider
_FRAME = 1 / 12  # of the shorter side
_NEAR = 0.1  # colour distance, where black to white is 1
_REACH = 1 / 16  # of the height: how far above and below a pixel the frame is compared with it
_FOUND = 0.06  # share of the pixels compared that have to be near
_SPECK = 0.01  # share of the image; smaller is not an object
_PIECE = 0.2  # of the largest connected piece; smaller ones are clutter
_TOUCHING = np.ones((3, 3))  # pieces are connected at corners too
_SMOOTH = 0.015  # luma's gradient per pixel
_HUES = 36  # bins of 10 degrees, for finding the most frequent hue
_ORANGE = 30.0  # degrees: the warmest hue
_LEVELS = 8  # per channel, for finding the most frequent colour
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def measure(images) -> pd.DataFrame:
    """Measure every image.

    Args:
        images: uint8 (N, H, W, 3) or (N, H, W, 1), at least 4 × 4 pixels; read one by one, so that a memory-mapped
            array stays on disk.

    Returns:
        One row an image and one column of float32 an attribute, in the order of `DESCRIPTIONS`; from -1 to 1
        for `ground_texture`, from 0 to 1 for all others. No value is missing: an image without an object has an
        `object_area` and an `object_red` of 0 and an `object_centring` of 1, and black has a saturation of 0.

    Raises:
        ValueError: the images are not uint8, or not of such a shape.
    """
    images = _checked(images)
    table = np.empty((len(images), len(DESCRIPTIONS)), dtype=np.float32)
    for row, image in zip(table, images, strict=True):
        measured = _measure(image)
        row[:] = [measured[name] for name in DESCRIPTIONS]
    return pd.DataFrame(table, columns=list(DESCRIPTIONS))


def of_images(images: "ImageSet") -> pd.DataFrame:
    """The measurements of a data set at its own size, cached."""

    def write(folder: Path) -> None:
        measure(images.images).to_parquet(folder / "attributes.parquet", index=False)

    key = cache.content_key(images.fingerprint, cache.code_of("lib.data.attributes"))
    return pd.read_parquet(cache.cached("attributes", key, write) / "attributes.parquet")


def _checked(images) -> np.ndarray:
    """The images as an array; raises ValueError for another type or shape."""
    if not isinstance(images, np.ndarray):
        images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or min(images.shape[1:3]) < 4:
        raise ValueError(f"images of shape {images.shape}; expected (n, height, width, 1 or 3), 4 × 4 or larger")
    if images.dtype != np.uint8:
        raise ValueError(f"images of type {images.dtype}; expected uint8 in 0 to 255")
    return images


def _floats(image: np.ndarray) -> np.ndarray:
    """Pixels as float32 (H, W, 3) in [0, 1]; a single channel is repeated."""
    rgb = image.astype(np.float32) / 255
    return np.repeat(rgb, 3, axis=-1) if rgb.shape[-1] == 1 else rgb


def _measure(image: np.ndarray) -> dict[str, float]:
    """Attributes of one image; luma gradients, and so edges, are per pixel."""
    rgb = _floats(image)
    whole = rgb.shape[0] * rgb.shape[1]
    rgb = _without_blank(rgb)
    height, width, _ = rgb.shape

    hue, saturation, value = _hsv(rgb)
    luma = rgb @ _LUMA
    edges = np.hypot(*np.gradient(luma))
    red = (np.minimum(hue, 360 - hue) <= 20) & (saturation >= 0.5) & (value >= 0.4)
    pale, lit = saturation < 0.15, value >= 0.2
    white = pale & (value > 0.9)
    grey = pale & lit & ~white
    blue = ~pale & lit & (hue >= 180) & (hue <= 260)
    sky = (white | grey | blue) & (edges < _SMOOTH)

    frame, upper, lower = _frame(height, width)
    framed = rgb[frame]

    background = _background(rgb, framed)
    area, centring = _object(~background)
    return {
        "brightness": luma.mean(),
        "saturation": saturation.mean(),
        "red_share": red.mean(),
        "dominant_warmth": _warmth(_dominant(hue, saturation, value)),
        "white_margin": 1 - height * width / whole,
        "background_grey": grey[frame].mean(),
        "background_blue": blue[frame].mean(),
        "background_grey_or_blue": (grey | blue)[frame].mean(),
        "background_white": white[frame].mean(),
        "background_uniformity": 1 - 2 * framed.std(axis=0, dtype=float).mean(),
        "background_share": background.mean(),
        "background_not_sky": 1 - sky[frame].mean(),
        "ground_share": 1 - sky[lower].mean(),
        "object_area": area,
        "object_red": red[~background].mean() if area else 0.0,
        "object_centring": centring,
        "edge_density": edges.mean(),
        "ground_contrast": float(_distance(rgb[lower].mean(axis=0), rgb[upper].mean(axis=0))),
        "ground_texture": edges[lower].mean() - edges[upper].mean(),
    }


def _without_blank(rgb: np.ndarray) -> np.ndarray:
    """The image without blank white strips along its edges, and without the mixed line that resizing leaves at each."""
    white = np.minimum(np.minimum(rgb[..., 0], rgb[..., 1]), rgb[..., 2]) > _BLANK
    cuts = []
    for lines in (white.mean(axis=1) > 0.95, white.mean(axis=0) > 0.95):
        widest = int(_WIDEST * len(lines))
        start, end = (int(np.argmin(np.append(side[:widest], False))) for side in (lines, lines[::-1]))
        cuts.append(slice(start and min(start + 1, widest), len(lines) - (end and min(end + 1, widest))))
    return rgb[tuple(cuts)]


@functools.lru_cache(maxsize=64)
def _frame(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mark the pixels of the frame, and those of its upper and its lower third, bool (H, W)."""
    thickness = max(1, round(_FRAME * min(height, width)))
    frame = np.ones((height, width), dtype=bool)
    frame[thickness : height - thickness, thickness : width - thickness] = False
    upper, lower = frame.copy(), frame.copy()
    upper[math.ceil(height / 3) :], lower[: height - math.ceil(height / 3)] = False, False
    return frame, upper, lower


def _hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue in degrees (0 where there is none), saturation and value."""
    # skimage.color.rgb2hsv takes ten times as long, which adds a fifth to the measurement, and rounds a hue of 260°,
    # which 8-bit colours have, to the other side of the limit of blue.
    red, green, blue = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    value, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = value - least
    saturation = np.divide(chroma, value, out=np.zeros_like(value), where=value > 0)
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    hue = np.where(value == red, ((green - blue) / safe) % 6, hue)
    return np.where(chroma > 0, 60 * hue, 0), saturation, value


def _dominant(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> float:
    """The most frequent hue in degrees, to 10; a pixel counts by its chroma. NaN where nothing has a colour."""
    bins = np.rint(hue / (360 / _HUES)).astype(np.int64) % _HUES
    counts = np.bincount(bins.ravel(), (saturation * value).ravel(), _HUES)
    if not counts.any():
        return math.nan
    smooth = counts + (np.roll(counts, 1) + np.roll(counts, -1)) / 2
    return int(smooth.argmax()) * (360 / _HUES)


def _warmth(hue: float) -> float:
    """Nearness of a hue to orange: 1 for orange, 0 for the opposite blue, 0.5 where there is no hue."""
    return 0.5 if math.isnan(hue) else (1 + math.cos(math.radians(hue - _ORANGE))) / 2


def _background(rgb: np.ndarray, framed: np.ndarray) -> np.ndarray:
    """Mark the background, bool (H, W); specks and small pieces of an object count as background."""
    marked = _distance(rgb, _most_frequent(framed)) <= _NEAR
    marked |= _on_both_sides(rgb)
    marked |= _on_both_sides(np.ascontiguousarray(rgb.swapaxes(0, 1))).T
    pieces = scipy.ndimage.label(~_majority(marked), _TOUCHING)[0]
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # the background itself
    marked = (sizes < max(_PIECE * sizes.max(), 1))[pieces]
    return marked if (~marked).mean() >= _SPECK else np.ones_like(marked)


def _majority(marked: np.ndarray) -> np.ndarray:
    """Mark the pixels of which most of the 3 × 3 around are marked; beyond an edge its pixels are repeated."""
    counts = marked.view(np.uint8)
    for _ in range(2):  # down, then across
        padded = np.concatenate([counts[:1], counts, counts[-1:]])
        counts = (padded[:-2] + padded[1:-1] + padded[2:]).T
    return counts >= 5


def _on_both_sides(rgb: np.ndarray) -> np.ndarray:
    """Mark the pixels whose colour the left and the right side of the frame both have at about their height."""
    height, width, _ = rgb.shape
    nearby = _nearby(height, width)
    squared = np.einsum("...c,...c->...", rgb, rgb)[..., None]
    ones = np.ones_like(squared)
    pixels = np.concatenate([-2 * rgb, squared, ones], axis=-1)
    sides = np.concatenate([rgb, ones, squared], axis=-1).reshape(-1, 5)[nearby]
    # Squared, as |a|² + |b|² - 2ab: one product of matrices a row. The levels of 8-bit images are so far apart that
    # rounding moves no distance across the limit.
    near = sides @ pixels.swapaxes(1, 2) <= 3 * _NEAR**2
    compared = nearby.shape[1] // 2
    found = near.view(np.uint8).reshape(height, 2, compared, width).sum(axis=2, dtype=np.uint8)  # of 35 at most
    return (found >= _FOUND * compared).all(axis=1)


@functools.lru_cache(maxsize=64)
def _nearby(height: int, width: int) -> np.ndarray:
    """Flat indices of the pixels of the left side, then of the right, that a row is compared with, (H, 2n)."""
    thickness, reach = max(1, round(_FRAME * min(height, width))), max(1, round(_REACH * height))
    step = max(1, reach // 2)  # a smaller step takes longer and gives the same result
    rows = np.arange(height)[:, None] + np.arange(-reach, reach + 1, step)
    columns = np.array([range(0, thickness, step), range(width - thickness, width, step)])
    return (rows.clip(0, height - 1)[:, None, :, None] * width + columns[:, None]).reshape(height, -1)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance of colours, scaled so that black to white is 1."""
    difference = a - b
    return np.sqrt(np.einsum("...c,...c->...", difference, difference) / 3)


def _most_frequent(pixels: np.ndarray) -> np.ndarray:
    """The most frequent colour of pixels (N, 3), shape (3,).

    Colours are counted in coarse cells. The mean over the fullest cell is moved once to the mean of all pixels near
    it, so that a colour at the edge between two cells is not cut in half.
    """
    level = np.minimum((pixels * _LEVELS).astype(np.int64), _LEVELS - 1)
    cell = (level[:, 0] * _LEVELS + level[:, 1]) * _LEVELS + level[:, 2]
    centre = pixels[cell == np.bincount(cell).argmax()].mean(axis=0)
    return pixels[_distance(pixels, centre) <= _NEAR].mean(axis=0)


def _object(mask: np.ndarray) -> tuple[float, float]:
    """Area and centring of the pixels that are marked, from their first two moments.

    A filled box with sides a and b has variances a²/12 and b²/12, so 12 times the product of the standard deviations
    is its area. Of any other shape, the area is that of the box with the same variances. Centring is 1 less the
    distance of the centroid from the centre, over half the diagonal.
    """
    total = mask.sum()
    if not total:
        return 0.0, 1.0
    area, offsets = 12.0, []
    for axis, size in enumerate(mask.shape):
        weight = mask.sum(axis=1 - axis) / total
        place = (np.arange(size) + 0.5) / size  # pixel centres, as shares of the side
        mean = weight @ place
        variance = max(weight @ place**2 - mean**2, 0.0) + 1 / (12 * size**2)  # the last is the variance within a pixel
        area *= math.sqrt(variance)
        offsets.append((mean - 0.5) * size)
    return min(area, 1.0), 1 - math.hypot(*offsets) / (0.5 * math.hypot(*mask.shape))
