"""Which images are near-duplicates of each other: the same file, a copy, or a crop of the same picture.

Near-duplicates on both sides of a split let a detector be judged on what it was fitted on (B. Barz and J. Denzler,
"Do We Train on Test Data? Purging CIFAR of Near-Duplicates", Journal of Imaging 6 (2020)). They are known by their
pixels alone; names and classes play no part.

Where originals are smaller than `SMALLEST` pixels there is too little in them to tell a copy from a look-alike (two
handwritten zeros of 8x8 pixels hash alike), so there only equal files and equal prepared pixels count.
"""

import hashlib

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lib.data.duplicates import copies, crops
from lib.data.duplicates.copies import perceptual_hashes

__all__ = ["groups", "perceptual_hashes", "summary"]

SMALLEST = 32  # side in pixels; what the hash reads


def groups(images: np.ndarray, sha256: list[str], sizes: np.ndarray) -> np.ndarray:
    """Numbers images so that near-duplicates share a number.

    Near-duplicates of near-duplicates are taken together, so two images of a group need not look alike.
    What is found depends a little on the size of the prepared images: the smaller they are, the fewer crops.

    Args:
        images: uint8 (N, H, W, C), prepared; C 1 or 3. May be memory-mapped.
        sha256: N hashes of the original files.
        sizes: int (N, 2), height and width of the original files in pixels.

    Returns:
        int (N,): the row of the group's first image. An image that has no near-duplicate is alone in its group.

    Raises:
        ValueError: arrays of different lengths.
    """
    sizes = np.asarray(sizes)
    if not len(images) == len(sha256) == len(sizes):
        raise ValueError(f"groups: {len(images)} images, {len(sha256)} file hashes and {len(sizes)} sizes")
    pixels = [hashlib.sha256(np.ascontiguousarray(image)).hexdigest() for image in images]
    links = [_equal(list(sha256)), _equal(pixels)]

    # One image stands for all that are equal to it: a data set of blank images must not become N * N pairs.
    large = np.unique(_join(links, len(images)))
    large = large[sizes[large].min(axis=1) >= SMALLEST]
    if len(large) > 1:
        links += [copies.pairs(images, large), crops.pairs(images, sizes, large)]
    return _join(links, len(images))


def summary(table: pd.DataFrame, groups: np.ndarray) -> dict:
    """Counts of near-duplicates, for the page and the run.

    Args:
        table: one row an image, with `id` and `class_name`.
        groups: int (N,), of `groups`.

    Returns:
        `images`: images that have a near-duplicate; `groups`: groups of them; `largest`: images in the largest;
        `within`: groups inside one class, by class, most first; `across`: groups that two classes share, as rows of
        `classes` (two names) and `groups`, most first; `members`: ids of every group, the largest first.
    """
    rows = pd.DataFrame({"group": groups, "id": table["id"].to_numpy(), "class_name": table["class_name"].to_numpy()})
    rows = rows[rows.groupby("group")["id"].transform("size") > 1]
    members = sorted(rows.groupby("group")["id"].agg(list), key=lambda ids: (-len(ids), ids))
    classes = rows.groupby("group")["class_name"].agg(lambda names: tuple(sorted(set(names))))
    within = classes[classes.str.len() == 1].str[0].value_counts()
    shared = pd.Series([(one, other) for names in classes for one in names for other in names if one < other])
    return {
        "images": len(rows),
        "groups": len(members),
        "largest": max(map(len, members), default=0),
        "within": {name: int(count) for name, count in within.items()},
        "across": [
            {"classes": list(pair), "groups": int(count)}
            for pair, count in shared.astype(object).value_counts().items()
        ],
        "members": members,
    }


def _equal(values: list[str]) -> np.ndarray:
    """Each image with the first that has the same value; int (N, 2)."""
    first: dict[str, int] = {}
    return np.array([(first.setdefault(value, number), number) for number, value in enumerate(values)]).reshape(-1, 2)


def _join(links: list[np.ndarray], count: int) -> np.ndarray:
    """The first of all images that each one is linked to, directly or through others; int (count,)."""
    one, other = np.concatenate(links).astype(np.int64).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    parts = connected_components(graph, directed=False)[1]
    return np.unique(parts, return_index=True)[1][parts] if count else np.zeros(0, np.int64)
