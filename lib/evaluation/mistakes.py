"""Which images a detector gets wrong at a threshold, and what these have in common."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.data import attributes
from lib.evaluation import metrics, thresholds
from lib.evaluation.metrics import Metric
from lib.study import Study


@dataclass(frozen=True)
class Mistakes:
    """Images of the test set by decision; each an array of indices.

    Attributes:
        missed: anomalies that are not flagged.
        detected: anomalies that are flagged.
        alarms: normal images that are flagged.
        passed: normal images that are not flagged.
    """

    missed: np.ndarray
    detected: np.ndarray
    alarms: np.ndarray
    passed: np.ndarray


def mistakes(study: Study, scores: np.ndarray, threshold: float) -> Mistakes:
    """The decisions on the test set at a threshold; scores float64 (N,), of every image."""
    flagged = thresholds.decide(scores, threshold)
    anomalies, normal = study.anomalies, study.normal
    return Mistakes(
        anomalies[~flagged[anomalies]], anomalies[flagged[anomalies]], normal[flagged[normal]], normal[~flagged[normal]]
    )


def measured(study: Study) -> pd.DataFrame:
    """What can be measured of every image, one row an image; see `lib.data.attributes`.

    Attributes of colour are left out where no image has any.
    """
    table = attributes.of_images(study.images)
    return table if table["saturation"].any() else table.drop(columns=list(attributes.COLOUR))


def compare(study: Study, group: np.ndarray, others: np.ndarray) -> tuple[list[str], list[Metric]]:
    """How the measured attributes of one group of images differ from those of another.

    Args:
        study: the study.
        group: indices of the images in question.
        others: indices of those to compare with.

    Returns:
        Plain names and `metrics.shift` results, strongest difference first. Attributes that are the same on all these
        images are left out; empty lists if either group is empty.
    """
    if not len(group) or not len(others):
        return [], []
    table, results = measured(study), {}
    for name in table.columns:
        values = table[name].to_numpy()
        if np.ptp(values[np.r_[group, others]]) > 0:
            results[attributes.DESCRIPTIONS[name]] = metrics.shift(values[group], values[others])
    ranked = sorted(results, key=lambda name: -abs(results[name]["value"] - 0.5))
    return ranked, [results[name] for name in ranked]
