"""Heat maps of some images, by a detector that has them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lib import detectors
from lib.core import cache
from lib.detectors import Spec
from lib.study.study import Study


def able(specs: Sequence[Spec]) -> Spec | None:
    """The first detector that has heat maps, at the largest size of image that its kind is given; None without one."""
    spec = next((spec for spec in specs if hasattr(spec.create(), "heatmap")), None)
    if spec is None or not hasattr(spec.create(), "size"):
        return spec
    sizes = [other.create().size for other in specs if other.kind is spec.kind]
    return detectors.with_options(spec, spec.label, size=max(sizes))


def of_images(study: Study, spec: Spec, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Heat maps of some images by a detector that is fitted on the study's fit set; cached.

    Returns:
        `indices`; `pictures`, the images at the size that the detector looks at, uint8 (n, H, W, C); and `maps`,
        float32 (n, h, w), higher is more abnormal.
    """
    key = cache.content_key(
        spec.options.model_dump(mode="json"), study.images.fingerprint, study.split.fit.tolist(), indices.tolist(),
        [cache.code_of(module) for module in spec.kind.detector.modules()[1]],
    )  # fmt: skip

    def draw(folder: Path) -> None:
        detector = spec.create()
        detector.fit(study.images, study.split.fit)
        images = study.images.take(indices)
        pictures = images.pixels(getattr(detector, "size", None))
        np.savez(folder / "maps.npz", indices=indices, pictures=pictures, maps=detector.heatmap(images))

    with np.load(cache.cached("heat_maps", key, draw) / "maps.npz") as arrays:
        return dict(arrays)
