"""Which images stay on one side of a split: near-duplicates, and the groups that the user names.

Pictures of similar parts by a fixed camera look like copies of one another. If they were taken for near-duplicates, a
whole class would be one group, and nothing could be divided. So where near-duplicates would make a group of more than a
fifth of the normal images, or of the anomalies, only identical files count.

A named group with more than a fifth of the normal images, and at least a hundred, is a kind of part rather than one
part that was photographed often: every set needs some of its images, so it is divided like single images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lib.core.formatting import count, listed
from lib.data import duplicates
from lib.data.images import ImageSet

LARGEST = 0.2  # of the images of a kind in one group of near-duplicates
KIND = 100  # normal images that a group has at least which is divided
FEW = 5  # images are never too many for one group


@dataclass(frozen=True)
class Grouping:
    """Groups of images.

    Attributes:
        near: int (N,), the same number for images that count as near-duplicates.
        units: int (N,), the same number for images that stay together: near-duplicates and images of one group that
            the user names, and whatever these connect.
        finding: what was done, in sentences.
    """

    near: np.ndarray
    units: np.ndarray
    finding: str


def of(images: ImageSet, labels: np.ndarray, rule: str) -> Grouping:
    """The groups of a data set.

    Args:
        images: the images.
        labels: int (N,), 0 normal and 1 anomaly.
        rule: the parameter `duplicates`: `group`, or `keep` to let identical files alone count as near-duplicates.
    """
    named = np.array(images.column("group"), object)
    large = kinds(named[labels == 0])
    named[np.isin(named, large)] = ""
    alike = duplicates.of_images(images)
    if rule == "keep":
        near, finding = duplicates.identical(images), "duplicates: keep, so only identical files count as duplicates."
    elif len(images) > duplicates.MOST:
        near = alike
        finding = f"Of more than {duplicates.MOST:,} images, only identical files count as duplicates."
    else:
        near, finding = alike, _together(alike)
        size = _largest(joined(alike, named), labels)
        if size > 1:
            identical = duplicates.identical(images)
            if _largest(joined(identical, named), labels) < size:
                near, finding = identical, _similar(alike, labels)
    units = joined(near, named)
    if large:
        names, verb = listed([f"'{name}'" for name in large]), "is" if len(large) == 1 else "are"
        finding += f" {names} {verb} too large to stay in one set, and {verb} divided image by image."
    if (named != "").any():
        finding += f" Images of one group stay together ({count(len(set(named) - {''}), 'group')})."
    return Grouping(near, units, finding)


def kinds(named: np.ndarray) -> list[str]:
    """The groups that are kinds of parts, such as a type of cell: no division could keep them on one side.

    They have more than `LARGEST` of the normal images, and at least `KIND` of them.
    """
    names, sizes = np.unique(named[named != ""].astype(str), return_counts=True)
    return names[(sizes > LARGEST * len(named)) & (sizes >= KIND)].tolist()


def joined(near: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Number images so that those connected by either kind of group share a number, int (N,).

    Args:
        near: int (N,), of near-duplicates.
        named: text (N,), of the user; empty for an image of no group.
    """
    number = pd.factorize(near)[0]
    if not len(number) or not (named != "").any():
        return np.asarray(near)
    nodes = int(number.max()) + 1
    group = pd.factorize(named)[0] + nodes
    inside = named != ""
    edges = (np.ones(int(inside.sum()), bool), (number[inside], group[inside]))
    total = int(group.max()) + 1
    return connected_components(coo_array(edges, shape=(total, total)), directed=False)[1][number]


def _largest(groups: np.ndarray, labels: np.ndarray) -> float:
    """The share of its kind that the largest group has, over what it may have at most."""
    ratios = [0.0]
    for kind in (0, 1):
        sizes = np.unique(groups[labels == kind], return_counts=True)[1]
        if len(sizes):
            ratios.append(sizes.max() / max(LARGEST * sizes.sum(), FEW))
    return max(ratios)


def _together(groups: np.ndarray) -> str:
    sizes = np.unique(groups, return_counts=True)[1]
    images, number = int(sizes[sizes > 1].sum()), int((sizes > 1).sum())
    if not images:
        return "No two images are duplicates or near-duplicates."
    return f"Near-duplicates stay together: {count(images, 'image')} in {count(number, 'group')}."


def _similar(groups: np.ndarray, labels: np.ndarray) -> str:
    if _largest(groups, labels) <= 1:
        return "Near-duplicates would join too many of your groups, so only identical files count as duplicates."
    kind = int(_largest(groups[labels == 1], labels[labels == 1]) > _largest(groups[labels == 0], labels[labels == 0]))
    sizes = np.unique(groups[labels == kind], return_counts=True)[1]
    return (
        f"{sizes.max():,} of {sizes.sum():,} {('normal images', 'anomalies')[kind]} look as much alike as "
        "near-duplicates do, as pictures of similar parts by a fixed camera are, so only identical files count as "
        "duplicates. Where some are copies of one another, give them a group in a manifest."
    )
