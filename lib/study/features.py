"""Features of a pretrained network, made once for each size of image, and the detectors on them."""

import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from lib import data
from lib.core import cache, paths
from lib.study.study import Study


def scores(study: Study) -> Iterator[tuple[str, np.ndarray, float, np.ndarray]]:
    """Name, scores float64 (N,), seconds and `Candidate.left_out` of each detector on features, at each size of image.

    An image fitted on with a near-duplicate beside it is not among those left out: no image judged has one there.
    """
    from lib.detectors import features

    methods = {"nearest neighbours": features.Neighbours, "Mahalanobis": features.Gaussian}
    fit = study.split.fit
    _, group, members = np.unique(study.groups[fit], return_inverse=True, return_counts=True)
    alone = members[group] == 1
    for size in sizes(study):
        embedded, seconds = embeddings(study, size)
        for method, kind in methods.items():
            started = time.monotonic()
            judge = kind()
            judge.fit(embedded[fit])
            found = judge.score(embedded)
            seconds_in_all = seconds + time.monotonic() - started
            left_out = judge.left_out() if isinstance(judge, features.Neighbours) else np.empty(0)
            yield f"features, {method}, {size} px", found, seconds_in_all, left_out[alone[: len(left_out)]]
    yield f"features, patches, {study.params.image_size} px", *_by_patches(study), np.empty(0)


def sizes(study: Study) -> list[int]:
    """Sides of the images that features are made of: the study's own, and the backbone's; kept, as Keras is asked."""

    def ask(folder: Path) -> None:
        from lib.detectors import features

        cache.write_json(folder / "size.json", features.own_size(study.params.backbone))

    own = study.params.backbone_size
    if not own:
        key = cache.content_key(study.params.backbone, _code())
        own = cache.read_json(cache.cached("backbones", key, ask) / "size.json")
    return sorted({study.params.image_size, own})


def embeddings(study: Study, size: int) -> tuple[np.ndarray, float]:
    """One embedding an image, float32 (N, D), and the seconds that they took when they were made; kept.

    Images are prepared from the originals at the size asked for. Where that is less than the backbone embeds well, it
    enlarges them itself; see `lib.detectors.features.Backbone`.
    """
    images = data.load(study.params.model_copy(update={"image_size": size}))
    key = cache.content_key(images.fingerprint, study.params.backbone, _code())

    def make(folder: Path) -> None:
        from lib.detectors import features

        network = features.Backbone(study.params.backbone)
        started = time.monotonic()
        made = network.embed(images.images)
        cache.write_json(folder / "seconds.json", {"seconds": round(time.monotonic() - started, 2)})
        np.save(folder / "embeddings.npy", made)

    folder = cache.cached("features", key, make)
    return np.load(folder / "embeddings.npy"), cache.read_json(folder / "seconds.json")["seconds"]


def _by_patches(study: Study) -> tuple[np.ndarray, float]:
    """Scores float64 (N,) and seconds of the mean distance of an image's patches to normal ones; kept.

    Not the largest distance, as where a defect is looked for: another kind of picture differs all over.
    """
    images, fit = study.images, study.split.fit
    ids = images.table["id"].to_numpy()[fit].tolist()
    key = cache.content_key(images.fingerprint, study.params.backbone, study.params.seed, _code(), ids)

    def make(folder: Path) -> None:
        from lib.detectors import features

        started = time.monotonic()
        detector = features.Features("patches", study.params.backbone, seed=study.params.seed, share=1.0)
        detector.fit(study.pixels(fit))
        np.save(folder / "scores.npy", detector.score(images.images))
        cache.write_json(folder / "seconds.json", {"seconds": round(time.monotonic() - started, 2)})

    folder = cache.cached("patches", key, make)
    return np.load(folder / "scores.npy"), cache.read_json(folder / "seconds.json")["seconds"]


def heat_maps(study: Study, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where some images are unlike every normal image fitted on, by their patches, at the backbone's size; kept.

    Returns:
        The images, uint8 (n, H, W, C), and their maps, float32 (n, h, w), higher is more abnormal; none of either where
        the study names no backbone.
    """
    if not study.params.backbone:
        return study.pixels(indices[:0]), np.empty((0, 1, 1), np.float32)
    size = sizes(study)[-1]
    images = data.load(study.params.model_copy(update={"image_size": size}))
    fit = study.split.fit
    ids = images.table["id"].to_numpy()
    key = cache.content_key(
        images.fingerprint, study.params.backbone, _code(), ids[fit].tolist(), ids[indices].tolist()
    )
    pictures = np.asarray(images.images[np.sort(indices)])[np.argsort(np.argsort(indices))]

    def make(folder: Path) -> None:
        from lib.detectors import features

        detector = features.Features("patches", study.params.backbone, seed=study.params.seed)
        detector.fit(np.asarray(images.images[np.sort(fit)]))
        np.save(folder / "maps.npy", detector.maps(pictures))

    return pictures, np.load(cache.cached("maps", key, make) / "maps.npy")


def _code() -> list[str]:
    code = cache.files_key(list((paths.ROOT / "lib" / "detectors" / "features").glob("*.py")))
    versions = [metadata.version(package) for package in ("numpy", "keras", "scikit-learn")]
    return [code, *versions]
