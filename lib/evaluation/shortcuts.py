"""How much of a detector's result facts explain that are no defects, such as the brightness of a photograph."""

from typing import Any

import numpy as np

from lib.data import measurements
from lib.evaluation import metrics
from lib.evaluation.readiness import either_way, file_numbers
from lib.study import Study

MEASURED = 2_000  # images of either kind whose pixels are measured


def shares(study: Study, scores: np.ndarray) -> list[dict[str, Any]]:
    """Compare a detector with facts of the images, among images of the test set that are alike in them.

    Args:
        study: Its test set has normal images and anomalies.
        scores: Of every image, float64 (N,).

    Returns:
        A row for each fact that differs between images, strongest first: `name`; `auroc` of it alone, in its better
        direction; and `within`, of `lib.evaluation.metrics.auroc_within`.
    """
    random = np.random.default_rng(study.params.seed)
    chosen = np.sort(np.concatenate([random.permutation(kind)[:MEASURED] for kind in (study.normal, study.anomalies)]))
    labels, rows = study.labels[chosen], []
    for name, values in facts(study, chosen).items():
        known = np.isfinite(values)
        if len(np.unique(labels[known])) == 2 and np.ptp(values[known]) > 0:
            own, kinds = values[known], labels[known]
            within = metrics.auroc_within(kinds, scores[chosen][known], own)
            rows.append({"name": name, "auroc": either_way(metrics.auroc(kinds, own)), "within": within})
    return sorted(rows, key=lambda row: -row["auroc"]["value"])


def facts(study: Study, indices: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of images besides what they show, float64 (n,) by name; NaN where an image has no such fact."""
    table, images = study.images.table.iloc[indices], study.images
    quality = images.column("quality", 0)[indices].astype(float)
    measured = measurements.of(images.take(indices))
    return {
        "file size": table["file_bytes"].to_numpy(float),
        "aspect ratio": (table["width"] / table["height"]).to_numpy(float),
        "JPEG quality": np.where(quality > 0, quality, np.nan),
        "number in the file name": file_numbers(images.table["id"])[indices],
        "brightness": measured["brightness"].to_numpy(),
        "brightness of the border": measured["border"].to_numpy(),
    }
