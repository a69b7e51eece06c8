"""The pictures of the images with the highest scores: each with its heat map and the nearest normal image."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image

from lib.data import ImageSet, measurements
from lib.evaluation.scoring import Scored, Scorer
from lib.study import thumbnail

MOST = 24  # cards
SIDE = 224  # longer side of a picture, pixels
OPACITY = 0.7  # of a heat map over its image
COLOURS = "inferno"


@dataclass(frozen=True)
class Picture:
    """A picture on a card: `words` above it, `alt`, its alternative text, and `source`, a data URL."""

    words: str
    alt: str
    source: str


@dataclass(frozen=True)
class Card:
    """An image on the page.

    Attributes:
        row: its row of the table of scores, by column.
        pictures: the image, and where the detector has them, its heat map and the nearest normal image.
        nearest: id of that image; empty without one.
    """

    row: dict[str, Any]
    pictures: list[Picture]
    nearest: str


def cards(scorer: Scorer, scored: Scored, most: int = MOST) -> list[Card]:
    """The images with the highest scores, highest first; images that are no longer there are left out."""
    places = scored.highest(most)
    rows = scored.table.iloc[places].to_dict("records")
    drawn: dict[str, tuple[list[Picture], str]] = {}
    for images in scored.read(places, scorer.size):
        drawn |= dict(zip(images.table["id"], _drawn(scorer, images), strict=True))
    return [Card(row, *drawn[row["file"]]) for row in rows if row["file"] in drawn]


def _drawn(scorer: Scorer, images: ImageSet) -> list[tuple[list[Picture], str]]:
    saved, count = scorer.saved, len(images)
    maps = saved.detector.heatmap(images) if saved.scale and hasattr(saved.detector, "heatmap") else [None] * count
    places = saved.detector.nearest(images) if hasattr(saved.detector, "nearest") else [-1] * count
    found = []
    rows = images.table.itertuples()
    for picture, row, heat_map, place in zip(images.pixels(scorer.size), rows, maps, places, strict=True):
        shape = (row.height, row.width)
        pictures = [Picture("Image", row.id, data_url(thumbnail(picture, shape, SIDE)))]
        if heat_map is not None:
            drawn = thumbnail(laid_over(picture, heat_map, saved.scale), shape, SIDE)
            pictures.append(Picture("Heat map", f"Heat map of {row.id}", data_url(drawn)))
        nearest, jpeg = saved.normal(int(place)) or ("", b"")
        if jpeg:
            pictures.append(Picture("Nearest normal", f"Normal image {nearest}", data_url(jpeg)))
        found.append((pictures, nearest))
    return found


def laid_over(picture: np.ndarray, heat_map: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """A heat map over its image in grey, whole.

    Args:
        picture: uint8 (H, W, C).
        heat_map: shape (h, w), of any size; interpolated.
        scale: the values that have the first and the last colour; those beyond have these too.

    Returns:
        uint8 (H, W, 3).
    """
    low, high = scale
    shares = (np.asarray(heat_map, np.float32) - low) / max(high - low, np.finfo(np.float32).tiny)
    height, width = picture.shape[:2]
    smooth = Image.fromarray(shares.clip(0, 1)).resize((width, height), Image.Resampling.BILINEAR)
    colours = colormaps[COLOURS](np.asarray(smooth))[..., :3]
    grey = measurements.luma(picture)[..., None]
    return np.rint(255 * (OPACITY * colours + (1 - OPACITY) * grey)).astype(np.uint8)


def data_url(jpeg: bytes) -> str:
    """A picture as a page holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
