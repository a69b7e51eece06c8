"""Heat maps of some images, by a detector that has them, and the scale that they are drawn on."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from lib import detectors
from lib.core import cache
from lib.detectors import Detector, Spec
from lib.study import fits
from lib.study.study import Study

CHUNK = 64  # heat maps in memory at one time


def able(specs: Sequence[Spec]) -> Spec | None:
    """The first detector that has heat maps, at the largest size of image that its kind is given; None without one."""
    spec = next((spec for spec in specs if hasattr(spec.create(), "heatmap")), None)
    if spec is None or not hasattr(spec.create(), "size"):
        return spec
    sides = [_side(other) for other in specs if other.kind is spec.kind]
    return detectors.with_options(spec, spec.label, size=max(sides))


def of_images(study: Study, spec: Spec, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Heat maps of some images by a detector that is fitted on the study's fit set, or found fitted; cached.

    Returns:
        As `of_fitted`.
    """
    if members := fits.members_of(spec):  # what the others of them score does not matter to the map
        spec = next(member for member in members if hasattr(member.create(), "heatmap"))
    folder, _ = fits.fit(study, spec)
    code = [cache.code_of(module) for module in spec.kind.detector.modules()[1]]
    key = cache.content_key(folder.name, study.images.fingerprint, indices.tolist(), code)

    def draw(making: Path) -> None:
        np.savez(making / "maps.npz", **of_fitted(study, detectors.load(folder, **spec.scoring), indices))

    with np.load(cache.cached("heat_maps", key, draw) / "maps.npz") as arrays:
        return dict(arrays)


def of_fitted(study: Study, detector: Detector, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Heat maps of some images by a fitted detector; those that scoring left in the cache are read from there.

    Returns:
        `indices`; `pictures`, the images at the size that the detector looks at, uint8 (n, H, W, C); and `maps`,
        float32 (n, h, w), higher is more abnormal.
    """
    pictures = study.images.take(indices).pixels(getattr(detector, "size", None))
    return {"indices": indices, "pictures": pictures, "maps": detector.heatmap(study.images, indices)}


def scale(study: Study, detector: Detector) -> tuple[float, float]:
    """The two ends of the scale on which a fitted detector's heat maps are drawn; cached.

    Both come from the calibration images alone, which it was not fitted on: scaled by themselves, maps of good parts
    look as alarming as those of defects. The lower end is the median of the medians of their maps. The upper end is
    exceeded anywhere in the map of a new normal image with a probability of at most the study's `target_fpr`: it is the
    conformal quantile of the maxima of the maps (see `lib.evaluation.thresholds.target_fpr`), and the largest of them
    where they are too few for that rate.

    Args:
        study: with the split that the detector was fitted on; images fitted on serve where it has no calibration set.
        detector: has heat maps.

    Returns:
        `(low, high)`, low < high.
    """
    indices = study.split.calibration if len(study.split.calibration) else study.split.fit
    alpha = study.params.target_fpr
    key = cache.content_key(
        detector.key(), study.images.fingerprint, indices.tolist(), alpha,
        [cache.files_key([Path(__file__)]), *(cache.code_of(module) for module in detector.modules()[1])],
    )  # fmt: skip

    def measure(folder: Path) -> None:
        medians, highest = [], []
        for start in range(0, len(indices), CHUNK):
            maps = detector.heatmap(study.images, indices[start : start + CHUNK]).astype(np.float64)
            medians.append(np.median(maps, axis=(1, 2)))
            highest.append(maps.max(axis=(1, 2)))
        low = float(np.median(np.concatenate(medians)))
        rank = math.ceil((len(indices) + 1) * (1 - Fraction(repr(alpha))))
        high = float(np.sort(np.concatenate(highest))[min(rank, len(indices)) - 1])
        cache.write_json(folder / "scale.json", [low, high if high > low else low + (abs(low) or 1.0)])

    low, high = cache.read_json(cache.cached("heat_map_scales", key, measure) / "scale.json")
    return low, high


def _side(spec: Spec) -> int:
    """The option `size` that a detector has or takes by default, pixels."""
    return spec.create().size // getattr(spec.options, "tiles", 1)
