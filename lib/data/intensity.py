"""Which values of images of more than 8 bits are black and white: one declared rule for a whole data set.

A range of each image's own would make a uniformly dark, and so abnormal, image look like all others.
"""

from collections.abc import Iterable

import numpy as np

_KEPT = 20  # bits of a float32 that are counted: sign, exponent and 11 of the fraction, so values to 0.05 %


def limits(rule: str, images: Iterable[np.ndarray]) -> tuple[float, float] | None:
    """The values that are black and white.

    Args:
        rule: the parameter `intensity`: `window:LOW,HIGH`, `percentile:LOW,HIGH` or an empty string.
        images: float32 arrays of finite values, one an image; read one by one, and for percentiles only.

    Returns:
        Black and white; None where no rule is declared, or there are no values to take percentiles of.
    """
    if not rule:
        return None
    kind, numbers = rule.split(":")
    low, high = map(float, numbers.split(","))
    return (low, high) if kind == "window" else _percentiles(low, high, images)


def _percentiles(low: float, high: float, images: Iterable[np.ndarray]) -> tuple[float, float] | None:
    """Percentiles of all values of all images, from counts, so that memory does not grow with their number."""
    counts = np.zeros(1 << _KEPT, np.int64)
    least, most = np.inf, -np.inf
    for values in images:
        counts += np.bincount(_rank(values.ravel()) >> (32 - _KEPT), minlength=len(counts))
        least, most = min(least, float(values.min())), max(most, float(values.max()))
    if not counts.any():
        return None
    shares = counts.cumsum() / counts.sum()
    bins = np.searchsorted(shares, [low / 100, high / 100]).clip(0, len(counts) - 1)
    black, white = (float(value) for value in _value(bins.astype(np.uint32) << (32 - _KEPT)))
    black, white = (least if low == 0 else max(black, least)), (most if high == 100 else min(white, most))
    return (black, white) if white > black else (black, float(np.nextafter(np.float32(black), np.float32(np.inf))))


def _rank(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the order of float32 values: their bits, turned round for negative ones; uint32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _value(ranks: np.ndarray) -> np.ndarray:
    """The float32 values of ranks."""
    return np.where(ranks >> 31, ranks & np.uint32((1 << 31) - 1), ~ranks).astype(np.uint32).view(np.float32)
