"""Photographed surfaces with drawn defects and their exact masks, to try a study without images of one's own.

The surfaces are scikit-image's bundled photographs of brick, grass and gravel; nothing is downloaded. **The defects are
synthetic**: how well a detector finds them says that the path works, and nothing about real defects.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage

from lib.core import paths
from lib.core.errors import UserError

TEXTURES = ("brick", "grass", "gravel")  # of `skimage.data`, 512 × 512 grey pixels each
TRAIN, GOOD = 0.6, 0.16  # shares of the tiles in train/good and test/good; the rest has defects
SMALLEST, LARGEST = 16, 96  # side of a tile, pixels


def write(folder: str | Path, texture: str = "brick", size: int = 48, seed: int = 0) -> dict[str, int]:
    """Write a data set in the layout of MVTec AD: `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>`.

    The photograph is cut into tiles that do not overlap, so no two images share a pixel of it, in whichever part they
    are. The tiles are dealt at random; the same texture, size and seed give the same files.

    Args:
        folder: Where to write; made if it is not there.
        texture: One of `TEXTURES`.
        size: Side of a tile in pixels, `SMALLEST` to `LARGEST`. 48 gives 100 tiles, 32 gives 256.
        seed: Of the dealing and of the defects.

    Returns:
        Number of images by folder, such as `{"train/good": 60, "test/good": 16, "test/hole": 8, …}`.

    Raises:
        UserError: No such texture, a size out of range, or the folder has files already.
    """
    from PIL import Image

    folder = paths.expanded(folder)
    images = list(_tiles(_photograph(texture), _checked(size), np.random.default_rng(seed)))
    _check_empty(folder)
    written: dict[str, int] = {}
    for part, pixels, mask in images:
        number = written.get(part, 0)
        written[part] = number + 1
        _save(Image, pixels, folder / part / f"{number:03d}.png")
        if mask is not None:
            truth = folder / part.replace("test", "ground_truth", 1) / f"{number:03d}_mask.png"
            _save(Image, np.where(mask, 255, 0).astype(np.uint8), truth)
    return written


def plant(tile: np.ndarray, defect: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a defect into a tile.

    Args:
        tile: uint8 (H, W), 0 to 255.
        defect: A key of `DEFECTS`.
        rng: Of shape, place and strength.

    Returns:
        The tile with the defect, uint8 (H, W), and its mask, bool (H, W): true for exactly the pixels that changed.
    """
    mask, value = DEFECTS[defect](tile, rng)
    new = np.clip(np.rint(value), 0, 255).astype(np.uint8)
    same = mask & (new == tile)  # a pixel that has the defect's value by chance; one level makes it differ
    new[same] = np.where(tile[same] > 0, tile[same] - 1, 1)
    return np.where(mask, new, tile), mask


def _scratch(tile: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A straight line, lighter than what it crosses; 40 to 80 % of the side long and 3 to 5 % wide."""
    side = min(tile.shape)
    angle, half = rng.uniform(0, np.pi), rng.uniform(0.2, 0.4) * side
    down, right = _offsets(tile, rng, 0.25)
    along = np.abs(down * np.sin(angle) + right * np.cos(angle))
    across = np.abs(down * np.cos(angle) - right * np.sin(angle))
    return (along <= half) & (across <= max(rng.uniform(0.015, 0.025) * side, 0.6)), tile + rng.uniform(60, 90)


def _hole(tile: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A dark disc, 10 to 20 % of the side across."""
    down, right = _offsets(tile, rng, 0.15)
    radius = max(rng.uniform(0.05, 0.1) * min(tile.shape), 1.0)
    return np.hypot(down, right) <= radius, rng.uniform(5, 25) + 0.1 * tile


def _stain(tile: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A patch with an uneven edge that is 30 to 45 % darker and keeps its texture; 25 to 45 % of the side across."""
    down, right = _offsets(tile, rng, 0.25)
    side = min(tile.shape)
    noise = scipy.ndimage.gaussian_filter(rng.standard_normal(tile.shape), side / 16)
    radius = rng.uniform(0.125, 0.225) * side * (1 + 0.25 * noise / noise.std())
    return np.hypot(down, right) <= np.maximum(radius, 1.0), tile * rng.uniform(0.55, 0.7)


Draw = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
DEFECTS: dict[str, Draw] = {"hole": _hole, "scratch": _scratch, "stain": _stain}


def _offsets(tile: np.ndarray, rng: np.random.Generator, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels down and right of a random pixel that is at least a share of the side away from the edges."""
    rows, columns = np.indices(tile.shape)
    height, width = tile.shape
    top, left = (rng.integers(round(margin * n), n - round(margin * n)) for n in (height, width))
    return rows - top, columns - left


def _tiles(
    photograph: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yield the part, the pixels and the mask (None without a defect) of every tile."""
    starts = [range(0, side - size + 1, size) for side in photograph.shape]
    corners = [(top, left) for top in starts[0] for left in starts[1]]
    dealt = [corners[number] for number in rng.permutation(len(corners))]
    train, good = round(TRAIN * len(dealt)), round((TRAIN + GOOD) * len(dealt))
    for number, (top, left) in enumerate(dealt):
        tile = photograph[top : top + size, left : left + size]
        if number < good:
            yield ("train/good" if number < train else "test/good"), tile, None
        else:
            defect = list(DEFECTS)[number % len(DEFECTS)]
            yield f"test/{defect}", *plant(tile, defect, rng)


def _photograph(texture: str) -> np.ndarray:
    import skimage.data

    if texture not in TEXTURES:
        raise UserError(f"texture: there is no '{texture}'; choose one of {', '.join(TEXTURES)}")
    return getattr(skimage.data, texture)()


def _checked(size: int) -> int:
    if not SMALLEST <= size <= LARGEST:
        raise UserError(f"size: tiles must be {SMALLEST} to {LARGEST} pixels wide, and {size} was given")
    return size


def _check_empty(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; give a new or an empty folder")


def _save(image: Any, pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(pixels).save(path)
