"""Masks of defects: which mask file belongs to which image, and masks as arrays."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from lib.data import decoding

ENDINGS = ("", "_mask", "_gt")


def paired(images: Iterable[str], masks: Iterable[str]) -> list[str]:
    """The mask of each image: of the same folder and stem, or the stem and `_mask` or `_gt`; never by position.

    Args:
        images: paths below the folder of the images, such as `scratch/000.png`.
        masks: paths below the folder of the masks, such as `scratch/000_mask.png`.

    Returns:
        For each image the path of its mask; an empty string where there is none.
    """
    by_stem = {mask.rpartition(".")[0]: mask for mask in masks}
    stems = (image.rpartition(".")[0] for image in images)
    return [next((by_stem[stem + end] for end in ENDINGS if stem + end in by_stem), "") for stem in stems]


def read(path: Path) -> np.ndarray:
    """A mask, bool (H, W), True where the defect is: all that is not black, in a JPEG all that is nearer to white.

    Raises:
        Unreadable: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise decoding.Unreadable(f"the file cannot be read ({error.strerror})") from None
    decoded = decoding.decode(content)
    image = Image.open(io.BytesIO(content))
    if image.mode == "P":  # its numbers are labels, whatever their colours
        return np.asarray(image) > 0
    if image.mode in ("RGBA", "LA"):  # transparent is no defect
        colours = np.asarray(image.convert("RGBA"))
        return (colours[..., 3] > 0) & (colours[..., :3].max(axis=-1) > 0)
    pixels = decoded.pixels if decoded.pixels.ndim == 2 else decoded.pixels.max(axis=-1)
    return pixels > (127 if decoded.format == "JPEG" else 0)


def resized(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask as bool (size, size), by the nearest pixel."""
    rows, columns = (((np.arange(size) + 0.5) * side / size).astype(int) for side in mask.shape)
    return mask[np.ix_(rows, columns)]


def stack(folder: Path, names: Iterable[str], size: int) -> np.ndarray:
    """Masks by their paths below a folder, bool (N, size, size); all False for an empty path.

    Raises:
        Unreadable: one of them cannot be read.
    """
    return np.array(
        [resized(read(folder / name), size) if name else np.zeros((size, size), bool) for name in names], bool
    ).reshape(-1, size, size)
