"""How much of a detector's result facts explain that are no defects, such as the brightness of a photograph."""

from typing import Any

import numpy as np

from lib.data import measurements
from lib.evaluation import metrics
from lib.evaluation.readiness import either_way, file_facts
from lib.study import Study

KINDS = 5  # classes of anomalies, up to which the largest is compared by itself
MEASURED = 2_000  # images of either kind whose pixels are measured


def shares(study: Study, scores: np.ndarray) -> list[dict[str, Any]]:
    """Compare a detector with facts of the images, among images of the test set that are alike in them.

    Args:
        study: Its test set has normal images and anomalies.
        scores: Of every image, float64 (N,).

    Returns:
        A row for each fact that differs between images, strongest first: `name`; `kind`, the class of anomalies, empty
        for all; `auroc` of the fact alone, in its better direction; `whole`, of the detector; and `within`, of
        `lib.evaluation.metrics.auroc_within`. First those of all anomalies, then, where there are `KINDS` classes at
        most, those of the largest one.
    """
    random = np.random.default_rng(study.params.seed)
    chosen = np.sort(np.concatenate([random.permutation(kind)[:MEASURED] for kind in (study.normal, study.anomalies)]))
    labels, classes, own = study.labels[chosen], study.class_names[chosen].astype(str), scores[chosen]
    names, counts = np.unique(classes[labels == 1], return_counts=True)
    measured, rows = facts(study, chosen), []
    for kind in ["", *([names[counts.argmax()]] if 1 < len(names) <= KINDS else [])]:
        compared = (labels == 0) | (classes == kind) if kind else np.ones(len(labels), bool)
        found = []
        for name, values in measured.items():
            known = np.isfinite(values) & compared
            if min(np.bincount(labels[known], minlength=2)) > 1 and np.ptp(values[known]) > 0:
                alone = either_way(metrics.auroc(labels[known], values[known]))
                whole = metrics.auroc(labels[known], own[known])
                within = metrics.auroc_within(labels[known], own[known], values[known])
                found.append({"name": name, "kind": kind, "auroc": alone, "whole": whole, "within": within})
        rows += sorted(found, key=lambda row: -row["auroc"]["value"])
    return rows


def facts(study: Study, indices: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of images besides what they show, float64 (n,) by name; NaN where an image has no such fact."""
    measured = measurements.of(study.images, indices)
    return {
        **file_facts(study.images, indices),
        "brightness": measured["brightness"].to_numpy(),
        "brightness of the border": measured["border"].to_numpy(),
    }
