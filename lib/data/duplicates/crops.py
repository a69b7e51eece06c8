"""Crops of the same picture at the same scale, which hashes of whole images do not find: local patches that match.

Every image is resized to one scale, that of its original pixels. The strongest points of a band-pass get a 64-bit
hash of the patch around them. Patches that are equal in a 16-bit band of it (locality-sensitive hashing: Indyk and
Motwani, STOC 1998) are compared, and images with several matching patches that agree on one shift are candidates. A
candidate pair is overlaid at that shift, and must agree in the details of the overlap. A crop that was also rescaled
or mirrored is not found.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy.fft
import scipy.ndimage

from lib.data.duplicates.copies import CHUNK, shrink, standardised, structure

LONG_SIDE = 48  # of the data set's median image at the common scale
LONGEST = 128
POINTS = 32
RADIUS = 6  # of a patch
PATCH_CUT = 12  # of 63 bits
BANDS = 8
NEIGHBOURS = 60  # in one bucket; a patch that more images share is too common to identify one
MOST_MATCHES = 200  # for each image; 7 in Caltech101
VOTES = 2
SHARED = 0.5  # of the smaller image
OVERLAP_CUT = 0.8  # of the structure they share; more than of whole images, since any of many shifts may fit


def pairs(images: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pairs of images that show the same picture, cropped differently: rows as int (P, 2), smaller first.

    Args:
        images: uint8 (N, H, W, C), prepared: all resized to one shape.
        sizes: int (N, 2), height and width of the original files in pixels.
        rows: ascending; the images to compare.
    """
    common = _common_scale(images, sizes, rows)
    patches = [_patches(grey) for grey in common]
    owner = np.repeat(np.arange(len(common)), [len(points) for points, _ in patches])
    points = np.concatenate([points for points, _ in patches])
    bits = np.concatenate([bits for _, bits in patches])
    matches = _matches(bits, owner)
    near = [
        (rows[one], rows[other])
        for one, other, down, right in _votes(matches, points, owner)
        if _overlap(common[one], common[other], down, right) >= OVERLAP_CUT
    ]
    return np.array(near, np.int64).reshape(-1, 2)


def _common_scale(images: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Grey images with the proportions of their originals; a pixel is the same number of original pixels in all."""
    unit = np.median(sizes[rows].max(1)) / LONG_SIDE
    shapes = np.clip(np.rint(sizes[rows] / unit).astype(int), 2 * RADIUS + 1, LONGEST)
    side = min(images.shape[1], 96)
    common = []
    for start in range(0, len(rows), CHUNK):
        grey = shrink(images[rows[start : start + CHUNK]], side)
        for image, (height, width) in zip(grey, shapes[start : start + CHUNK], strict=True):
            common.append(standardised((_line(side, int(height)) @ image @ _line(side, int(width)).T)[None])[0])
    return common


@lru_cache(None)
def _line(side: int, pixels: int) -> np.ndarray:
    """Weights (pixels, side) of linear interpolation, widened where pixels become fewer."""
    centre, reach = (np.arange(pixels) + 0.5) * side / pixels - 0.5, max(side / pixels, 1)
    weights = (1 - np.abs(centre[:, None] - np.arange(side)) / reach).clip(0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _patches(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The strongest points of an image, int (K, 2), and the bits of the patches around them, bool (K, 63).

    Bits are signs of a patch's DCT, low frequencies first.
    """
    band = np.abs(scipy.ndimage.gaussian_filter(grey, 1) - scipy.ndimage.gaussian_filter(grey, 2.5))
    peak = (band == scipy.ndimage.maximum_filter(band, 5)) & (band > 0.1)
    inside = np.zeros_like(peak)
    inside[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
    points = np.argwhere(peak & inside)
    points = points[np.argsort(-band[tuple(points.T)], kind="stable")][:POINTS]
    windows = np.lib.stride_tricks.sliding_window_view(grey, (2 * RADIUS, 2 * RADIUS))
    waves = scipy.fft.dctn(windows[tuple(points.T - RADIUS)], axes=(1, 2))[:, :8, :8].reshape(-1, 64)
    low_first = np.argsort(np.add.outer(np.arange(8), np.arange(8)).ravel(), kind="stable")[1:]
    return points, waves[:, low_first] > 0


def _matches(bits: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Pairs of patches (M, 2) of different images that differ in few bits and are equal in one band of 16.

    Before one background, most patches match. They identify nothing, so in such a set buckets with too many are left
    out.
    """
    count, images = 0, len(np.unique(owner))
    for matches in _by_band(bits, owner, rare=False):
        count += len(matches)
        if count > MOST_MATCHES * images:
            break
    found = _by_band(bits, owner, rare=count > MOST_MATCHES * images)
    return np.unique(np.sort(np.concatenate([np.zeros((0, 2), np.int64), *found]), axis=1), axis=0)


def _by_band(bits: np.ndarray, owner: np.ndarray, rare: bool) -> Iterator[np.ndarray]:
    hashes = np.ascontiguousarray(np.packbits(np.pad(bits, ((0, 0), (0, 1))), axis=1)).view(np.uint64)[:, 0]
    for band in range(BANDS):
        bits_of_band = np.random.default_rng(band).permutation(28)[:16]  # of the low frequencies, which copies have too
        key = bits[:, bits_of_band] @ (1 << np.arange(16))
        order = np.argsort(key, kind="stable")
        if rare:
            order = order[(np.bincount(key, minlength=1 << 16) <= NEIGHBOURS)[key[order]]]
        for step in range(1, NEIGHBOURS):
            place = np.flatnonzero(key[order[step:]] == key[order[:-step]])
            if not len(place):
                break
            one, other = order[place], order[place + step]
            good = (np.bitwise_count(hashes[one] ^ hashes[other]) <= PATCH_CUT) & (owner[one] != owner[other])
            yield np.stack([one[good], other[good]], axis=1)


def _votes(matches: np.ndarray, points: np.ndarray, owner: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Pairs of images with several patches that agree on a shift: (image, image, down, right)."""
    shift = points[matches[:, 0]] - points[matches[:, 1]]
    votes = pd.DataFrame({"one": owner[matches[:, 0]], "other": owner[matches[:, 1]], "down": shift[:, 0]})
    votes["right"] = shift[:, 1]
    pair = votes.groupby(["one", "other"])
    agree = (votes[["down", "right"]] - pair[["down", "right"]].transform("median")).abs().max(axis=1) <= 2
    mean = votes[agree].groupby(["one", "other"])[["down", "right"]].agg(["mean", "size"])
    mean = mean[mean["down", "size"] >= VOTES]
    shifts = np.rint(mean[[("down", "mean"), ("right", "mean")]].to_numpy()).astype(int)
    return [(*pair, *shift) for pair, shift in zip(mean.index.tolist(), shifts.tolist(), strict=True)]


def _overlap(one: np.ndarray, other: np.ndarray, down: int, right: int) -> float:
    """Structure that two images share where they overlap, at the best shift within a pixel; 0 for a small overlap."""
    middle = _shared(one, other, down, right)
    if middle < OVERLAP_CUT / 2:  # no shift by a pixel raises that to the cut
        return middle
    return max(_shared(one, other, down + row, right + column) for row in (-1, 0, 1) for column in (-1, 0, 1))


def _shared(one: np.ndarray, other: np.ndarray, down: int, right: int) -> float:
    """Structure that `one` shares with `other` shifted; 0 if they overlap in less than `SHARED` of the smaller."""
    top, left = max(down, 0), max(right, 0)
    height = min(one.shape[0], other.shape[0] + down) - top
    width = min(one.shape[1], other.shape[1] + right) - left
    if min(height, width) < 2 * RADIUS or height * width < SHARED * min(one.size, other.size):
        return 0.0
    here = one[None, top : top + height, left : left + width]
    there = other[None, top - down : top - down + height, left - right : left - right + width]
    return float(structure(standardised(here, 0.1), standardised(there, 0.1))[0])
