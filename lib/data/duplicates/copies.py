"""Copies that were re-encoded, resized, brightened, slightly cropped or mirrored: perceptual hashes, then details.

The hash is the DCT hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010),
section 3.2.1: signs against the median of the lowest frequencies of a 32 × 32 grey image. It is fast enough to compare
all pairs, and too coarse to decide alone: the hashes of different airplanes before a plain sky are alike. So images
with hashes alike are compared again, window by window, by the structure term of Z. Wang et al., "Image Quality
Assessment: From Error Visibility to Structural Similarity", IEEE Transactions on Image Processing 13 (2004), which
ignores plain background.
"""

from collections.abc import Iterator

import numpy as np
import scipy.fft
import scipy.ndimage

HASH_SIDE = 32
HASH_CUT = 8  # of 64 bits
STRUCTURE_SIDE = 48
STRUCTURE_CUT = 0.75
WINDOW = 7
FAINT = 0.03  # local contrast, as a share of the image's; windows with less are not compared
CHUNK = 512
ACROSS = 16_384  # hashes compared with a chunk of others at one time
# Comparisons of details for each image, of images whose hashes are alike: 0.2 in Caltech101. Pictures that a fixed
# camera takes of similar parts all have hashes alike; from there on these count as copies without a comparison, and
# `lib.data.grouping` sees that far too many do.
MOST_ALIKE = 30
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """DCT hashes of images.

    Args:
        images: uint8 (N, H, W, C), C 1 or 3; read in chunks, so that a memory-mapped array stays on disk.

    Returns:
        uint64 (N,). Copies differ in few of the 64 bits, unrelated images in about half.
    """
    hashes = np.empty(len(images), np.uint64)
    for start in range(0, len(images), CHUNK):
        thumbnails = shrink(images[start : start + CHUNK], HASH_SIDE)
        low = scipy.fft.dctn(thumbnails, axes=(1, 2))[:, :8, :8].reshape(-1, 64)[:, 1:]  # without the mean brightness
        bits = np.pad(low > np.median(low, axis=1, keepdims=True), ((0, 0), (1, 0)))
        hashes[start : start + CHUNK] = np.ascontiguousarray(np.packbits(bits, axis=1)).view(">u8")[:, 0]
    return hashes


def pairs(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pairs of images of which one is a copy of the other, mirrored or not: rows as int (P, 2), smaller first.

    Of images that are joined by other pairs, not every pair is listed.

    Args:
        images: uint8 (N, H, W, C).
        rows: ascending; the images to compare.
    """
    hashes = perceptual_hashes(images)[rows]
    rows_of_pairs, joined = [np.zeros((0, 2), np.int64)], Groups(len(rows))
    for mirrored in (False, True):
        others = perceptual_hashes(images[:, :, ::-1])[rows] if mirrored else hashes
        left = MOST_ALIKE * len(rows)  # of comparisons
        for near in _alike(hashes, others):
            near = near[joined.differ(near)]  # what is one group already need not be compared
            if not len(near):
                continue
            if left < len(near):
                rows_of_pairs.append(rows[near])  # too many to compare: see `MOST_ALIKE`
                joined.join(near)
                continue
            left -= len(near)
            one, other = _thumbnails(images, rows[near[:, 0]]), _thumbnails(images, rows[near[:, 1]])
            same = near[structure(one, other[:, :, ::-1] if mirrored else other) >= STRUCTURE_CUT]
            joined.join(same)
            rows_of_pairs.append(rows[same])
    return np.concatenate(rows_of_pairs)


class Groups:
    """Images joined to groups pair by pair."""

    def __init__(self, count: int):
        self.group = np.arange(count)
        self.members: dict[int, list[int]] = {}

    def differ(self, pairs: np.ndarray) -> np.ndarray:
        """Whether the two of each pair are in different groups, bool (P,)."""
        return self.group[pairs[:, 0]] != self.group[pairs[:, 1]]

    def join(self, pairs: np.ndarray) -> None:
        """Make one group of the two groups of each pair; the smaller is renamed."""
        for one, other in self.group[pairs].tolist():
            one, other = int(self.group[one]), int(self.group[other])
            if one == other:
                continue
            small, large = sorted((one, other), key=lambda group: len(self.members.get(group, (group,))))
            moved = self.members.pop(small, [small])
            self.members.setdefault(large, [large]).extend(moved)
            self.group[moved] = large


def structure(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Similarity of the details of two images: the correlation in small windows, weighted by local contrast.

    Args:
        one: float (N, H, W), every image of mean 0 and variance 1 (or all 0, where it is plain).
        other: likewise.

    Returns:
        float (N,), at most 1; 1 for equal images, near 0 for unrelated ones, 0 for two plain ones.
    """
    mean_one, mean_other = _local_mean(one), _local_mean(other)
    contrast = np.sqrt(np.maximum(_local_mean(one**2) - mean_one**2, _local_mean(other**2) - mean_other**2).clip(0))
    shared = _local_mean(one * other) - mean_one * mean_other
    return (shared / np.maximum(contrast, FAINT)).sum((1, 2)) / np.maximum(contrast.sum((1, 2)), 1e-6)


def shrink(images: np.ndarray, side: int) -> np.ndarray:
    """Grey images of side x side by area averages: uint8 (N, H, W, C) to float32 (N, side, side), 0 to 255."""
    if images.shape[-1] == 3:
        grey = sum(weight * images[..., channel] for channel, weight in enumerate(LUMINANCE))
    else:
        grey = images[..., 0].astype(np.float32)
    if images.shape[1:3] == (side, side):
        return grey
    return _areas(images.shape[1], side) @ grey @ _areas(images.shape[2], side).T


def standardised(grey: np.ndarray, plain: float = 1.0) -> np.ndarray:
    """Images (N, H, W) scaled to mean 0 and variance 1, so that brightness and contrast do not matter.

    An image whose standard deviation is less than `plain` becomes 0 everywhere.
    """
    centred = grey - grey.mean((1, 2), keepdims=True)
    spread = centred.std((1, 2), keepdims=True)
    return np.where(spread < plain, 0, centred / np.maximum(spread, plain))


def _thumbnails(images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return standardised(shrink(images[numbers], STRUCTURE_SIDE))


def _alike(hashes: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (P, 2), first number smaller, of which `hashes` and `others` differ in few bits; P at most `CHUNK`."""
    for start in range(0, len(hashes), CHUNK):
        for across in range(start, len(hashes), ACROSS):
            differ = np.bitwise_count(hashes[start : start + CHUNK, None] ^ others[None, across : across + ACROSS])
            near = np.argwhere(differ <= HASH_CUT) + np.array([start, across])
            near = near[near[:, 0] < near[:, 1]]
            for first in range(0, len(near), CHUNK):
                yield near[first : first + CHUNK]


def _local_mean(grey: np.ndarray) -> np.ndarray:
    return scipy.ndimage.uniform_filter(grey, (0, WINDOW, WINDOW), mode="nearest")


def _areas(side: int, shrunk: int) -> np.ndarray:
    """Rows of weights (shrunk, side) that average equal intervals of a line of pixels."""
    edges, pixel = np.linspace(0, side, shrunk + 1), np.arange(side)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = overlap.clip(0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
