"""Metrics of heat maps, pixel by pixel, against masks of the defects.

Two areas under curves over all thresholds of a pixel's value. Pixel AUROC treats all pixels alike, so that one large
defect counts more than many small ones. AUPRO (Bergmann et al., International Journal of Computer Vision 129 (2021)
1038-1059) averages over defects the share of each that is found, so that all count alike; it goes up to a false
positive rate of 0.3 of the normal pixels and is divided by 0.3. A defect is a connected component of a mask, diagonal
neighbours included, as in the code of its authors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

LIMIT = 0.3  # false positive rate up to which AUPRO goes, as published
LEVELS = 4096  # quantiles of normal pixels, and as many of defects, that separate the levels of values
SAMPLE = 4_000_000  # pixels that the quantiles are estimated from
COARSE = 512  # levels of the bootstrap
RESAMPLES = 1000
SEED = 555
TAILS = (2.5, 97.5)


def pixel_metrics(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return pixel AUROC and AUPRO with their 95 % intervals.

    Values are counted in about 8,000 levels, which are quantiles of the values of normal pixels and of defects; the
    areas differ from exact ones by less than 0.001. So memory grows by a few kilobytes an image, and the result does
    not depend on the unit of the values, only on their order. The intervals are percentiles of a bootstrap over images,
    with and without defects separately, fixed seed; a defect is resampled with its image. In a simulation with 20
    images of either kind, 92 to 93 % of them contain the true area.

    Args:
        maps: Heat maps, float (n, h, w), higher is more abnormal; any sequence of n maps, such as a memory map. They
            are enlarged to the masks by bilinear interpolation.
        masks: Boolean (n, H, W), true where the defect is; images without a defect have an empty mask.

    Returns:
        `pixel_auroc`: `value`, `low`, `high`, `chance`; `aupro`: likewise, and `limit`; `images` and
        `images_with_defects`, how many; `defects`, how many connected components; `defect_share`, of all pixels. The
        values are None where there is no defect, or no normal pixel.

    Raises:
        ValueError: The numbers of maps and masks differ, there are none, or a value is not finite.
    """
    if len(maps) != len(masks) or not len(maps):
        raise ValueError(f"pixel_metrics: {len(maps)} maps and {len(masks)} masks; give one mask for each map")
    levels = _levels(maps, masks)
    total, coarse = np.zeros((3, len(levels) + 1)), []
    groups = _coarse(len(levels) + 1)
    counts = {"images": len(maps), "images_with_defects": 0, "defects": 0}
    pixels = 0
    for heat, mask in zip(maps, masks, strict=True):
        counted = _count(_enlarged(heat, mask.shape), mask, levels)
        total += counted.histograms
        coarse.append(np.add.reduceat(counted.histograms, groups, axis=1).astype(np.float32))
        counts["images_with_defects"] += counted.defects > 0
        counts["defects"] += counted.defects
        pixels += mask.size
    counts |= {"defect_share": float(total[1].sum() / pixels)}
    areas = {"pixel_auroc": _auroc, "aupro": _aupro}
    fixed = {"pixel_auroc": {"chance": 0.5}, "aupro": {"chance": LIMIT / 2, "limit": LIMIT}}
    if not counts["defects"] or not total[0].sum():
        return {name: {"value": None, "low": None, "high": None} | fixed[name] for name in areas} | counts
    resampled = _resampled(np.stack(coarse))
    return {name: _with_interval(area, total, resampled) | fixed[name] for name, area in areas.items()} | counts


@dataclass(frozen=True)
class _Counted:
    """Pixels of an image by level, highest level first.

    Attributes:
        histograms: (3, levels): normal pixels; pixels of defects; and shares of each defect, summed over defects.
        defects: how many.
    """

    histograms: np.ndarray
    defects: int


def _count(heat: np.ndarray, mask: np.ndarray, levels: np.ndarray) -> _Counted:
    place = len(levels) - np.searchsorted(levels, heat.ravel(), side="left")  # 0 above the highest
    regions, defects = ndimage.label(mask, np.ones((3, 3), int))
    regions = regions.ravel()
    inside = regions > 0
    sizes = np.bincount(regions, minlength=defects + 1)
    bins = len(levels) + 1
    histograms = [
        np.bincount(place[~inside], minlength=bins),
        np.bincount(place[inside], minlength=bins),
        np.bincount(place[inside], 1 / sizes[regions[inside]], minlength=bins),
    ]
    return _Counted(np.stack(histograms).astype(float), defects)


def _levels(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> np.ndarray:
    """Ascending values that separate the levels: quantiles of normal pixels, and of defects, each of a sample."""
    random = np.random.default_rng(SEED)
    samples: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    shares = [min(SAMPLE / max(sum(int((mask == kind).sum()) for mask in masks), 1), 1) for kind in (False, True)]
    for heat, mask in zip(maps, masks, strict=True):
        values = _enlarged(heat, mask.shape)
        if not np.isfinite(values).all():
            raise ValueError("maps: not every value is a finite number")
        for kind, share, sample in zip((False, True), shares, samples, strict=True):
            own = values[mask == kind]
            sample.append(own if share == 1 else own[random.random(len(own)) < share])
    quantiles = [
        np.quantile(values, np.linspace(0, 1, LEVELS + 1), method="lower")
        for values in map(np.concatenate, samples)
        if len(values)
    ]
    return np.unique(np.concatenate(quantiles))


def _enlarged(heat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map at the size of its mask by bilinear interpolation between the centres of its pixels, float32."""
    heat = np.asarray(heat, np.float32)
    if heat.shape == tuple(shape):
        return heat
    for axis, length in enumerate(shape):
        old = heat.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(place).astype(int)
        weight = (place - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        heat = heat.take(low, axis) * (1 - weight) + heat.take(np.minimum(low + 1, old - 1), axis) * weight
    return heat


def _coarse(count: int) -> np.ndarray:
    """Where each of at most `COARSE` groups of as many levels starts."""
    return np.unique(np.linspace(0, count, min(COARSE, count), endpoint=False).astype(int))


def _auroc(histograms: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, (...,), of histograms (..., 3, levels)."""
    normal, defect = _curve(histograms[..., 0, :]), _curve(histograms[..., 1, :])
    return _area(normal, defect)


def _aupro(histograms: np.ndarray) -> np.ndarray:
    """Area under the curve of per-region overlap up to `LIMIT`, as a share of `LIMIT`, likewise."""
    normal, overlap = _curve(histograms[..., 0, :]), _curve(histograms[..., 2, :])
    before, after = np.minimum(normal[..., :-1], LIMIT), np.minimum(normal[..., 1:], LIMIT)
    width = np.diff(normal, axis=-1)
    # The curve is cut within a step at the limit, where its height is interpolated.
    share = np.divide(after - before, width, out=np.zeros_like(width), where=width > 0)
    start = overlap[..., :-1]
    height = start + share * (overlap[..., 1:] - start) / 2
    return ((after - before) * height).sum(axis=-1) / LIMIT


def _curve(histogram: np.ndarray) -> np.ndarray:
    """Cumulative shares from 0 to 1, (..., levels + 1)."""
    summed = np.cumsum(histogram, axis=-1, dtype=float)
    return np.concatenate([np.zeros_like(summed[..., :1]), summed / summed[..., -1:]], axis=-1)


def _area(across: np.ndarray, up: np.ndarray) -> np.ndarray:
    return (np.diff(across, axis=-1) * (up[..., 1:] + up[..., :-1]) / 2).sum(axis=-1)


def _resampled(coarse: np.ndarray) -> np.ndarray:
    """Sums of the histograms of resampled images, (`RESAMPLES` + 1, 3, levels); the first of all images once."""
    random = np.random.default_rng(SEED)
    with_defects = coarse[:, 1].sum(axis=1) > 0
    weights = np.ones((RESAMPLES + 1, len(coarse)), np.float32)
    for members in (np.flatnonzero(with_defects), np.flatnonzero(~with_defects)):
        if len(members):
            weights[1:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), RESAMPLES)
    return np.stack([weights @ coarse[:, kind] for kind in range(3)], axis=1)


def _with_interval(area: Any, total: np.ndarray, resampled: np.ndarray) -> dict[str, float]:
    """The exact value, and percentiles of the resampled ones, moved by the error of their coarser levels."""
    value = float(np.clip(area(total), 0, 1))
    coarse, *values = area(resampled)
    low, high = np.percentile(values, TAILS) + value - coarse
    return {"value": value, "low": float(np.clip(low, 0, value)), "high": float(np.clip(high, value, 1))}
