"""Groups of near-duplicate images: the same file, a copy, or a crop of the same picture.

With near-duplicates in two parts of a split, a detector would be tested on images that it was fitted on (B. Barz and
J. Denzler, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", Journal of Imaging 6 (2020)). They are found
from pixels alone, not from names or classes.

Originals smaller than `SMALLEST` pixels hold too little to distinguish a copy from a similar image (the hashes of two
handwritten zeros of 8 × 8 pixels are alike), so of these only equal files and equal prepared pixels count. So it is
for more than `MOST` images, of which all pairs would take hours.
"""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lib.core import cache
from lib.data.duplicates import copies, crops

if TYPE_CHECKING:
    from lib.data.images import ImageSet

SMALLEST = 32  # side in pixels; what the hash reads
MOST = 100_000
COMPARED = 20  # of the copies of one picture, searched for crops


def of_images(images: "ImageSet") -> np.ndarray:
    """The groups of a data set as `groups` returns them, cached."""
    return np.load(_cached(images) / "groups.npy")


def identical(images: "ImageSet") -> np.ndarray:
    """The groups of equal files, or equal prepared pixels, as `of_images` has those of near-duplicates; cached."""
    return np.load(_cached(images) / "identical.npy")


def _cached(images: "ImageSet") -> Path:
    def write(folder: Path) -> None:
        sizes = images.table[["height", "width"]].to_numpy()
        sha256 = images.table["sha256"].to_numpy()
        np.save(folder / "groups.npy", groups(images.images, sha256, sizes))
        np.save(folder / "identical.npy", _join(_equal_images(images.images, sha256), len(images)))

    key = cache.content_key(images.fingerprint, cache.code_of("lib.data.duplicates"))
    return cache.cached("groups", key, write)


def groups(images: np.ndarray, sha256: Sequence[str], sizes: np.ndarray) -> np.ndarray:
    """Number images so that near-duplicates share a number.

    Near-duplicates of near-duplicates are in one group, so two images of a group need not look alike. The result
    depends a little on the size of the prepared images: the smaller they are, the fewer crops are found.

    Args:
        images: uint8 (N, H, W, C), prepared; C 1 or 3. May be memory-mapped.
        sha256: N hashes of the original files.
        sizes: int (N, 2), height and width of the original files in pixels.

    Returns:
        int (N,): the row of the group's first image; for an image without near-duplicates, its own.

    Raises:
        ValueError: arrays of different lengths.
    """
    sizes = np.asarray(sizes)
    if not len(images) == len(sha256) == len(sizes):
        raise ValueError(f"groups: {len(images)} images, {len(sha256)} file hashes and {len(sizes)} sizes")
    links = _equal_images(images, sha256)

    # Of equal images only the first is compared: a data set of blank images must not become N × N pairs.
    large = np.unique(_join(links, len(images)))
    large = large[sizes[large].min(axis=1) >= SMALLEST]
    if len(large) > 1 and len(images) <= MOST:
        links.append(copies.pairs(images, large))
        group = pd.Series(_join(links, len(images))[large])
        links.append(crops.pairs(images, sizes, large[(group.groupby(group).cumcount() < COMPARED).to_numpy()]))
    return _join(links, len(images))


def summary(table: pd.DataFrame, groups: np.ndarray) -> dict:
    """Counts of near-duplicates.

    Args:
        table: one row an image, with `class_name`.
        groups: int (N,), of `groups`.

    Returns:
        `images`: images that have a near-duplicate; `groups`: groups of them; `across`: groups that two classes share,
        as rows of `classes` (two names) and `groups`, most first.
    """
    rows = pd.DataFrame({"group": groups, "class_name": table["class_name"].to_numpy()})
    rows = rows[rows.duplicated("group", keep=False)]
    classes = rows.groupby("group")["class_name"].agg(lambda names: sorted(set(names)))
    shared = pd.Series([pair for names in classes for pair in itertools.combinations(names, 2)], dtype=object)
    across = [{"classes": list(pair), "groups": int(count)} for pair, count in shared.value_counts().items()]
    return {"images": len(rows), "groups": len(classes), "across": across}


def _equal_images(images: np.ndarray, sha256: Sequence[str]) -> list[np.ndarray]:
    digests = (hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images)
    pixels = np.fromiter(digests, "V32", len(images)).view("S32") if len(images) else np.empty(0, "S32")
    return [_equal(np.asarray(sha256, object)), _equal(pixels)]


def _equal(values: np.ndarray) -> np.ndarray:
    """Every image with the first that has the same value; int (N, 2)."""
    numbers = pd.factorize(values)[0]
    first = np.unique(numbers, return_index=True)[1]
    return np.stack([first[numbers], np.arange(len(values))], axis=1) if len(values) else np.zeros((0, 2), np.int64)


def _join(links: list[np.ndarray], count: int) -> np.ndarray:
    """For every image, the first of those it is linked to, directly or through others; int (count,)."""
    one, other = np.concatenate(links).astype(np.int64).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    parts = connected_components(graph, directed=False)[1]
    return np.unique(parts, return_index=True)[1][parts] if count else np.zeros(0, np.int64)
