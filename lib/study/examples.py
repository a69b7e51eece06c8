"""Which images pages show."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lib.study.study import Study

SAMPLES = 8  # images in a row of reconstructions
EXTREMES = 4  # lowest and highest scores shown
MAPS = 5  # difference maps shown
HEAT_MAPS = 6  # heat maps shown


def lowest_scoring(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` lowest scores, lowest first; ties in order."""
    return np.argsort(scores, kind="stable")[:count]


def highest_scoring(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` highest scores, highest first; ties in order."""
    return np.argsort(-np.asarray(scores), kind="stable")[:count]


def extremes(scores: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Indices of the images of a group with the lowest and the highest scores, `EXTREMES` of each at most."""
    ranked = group[lowest_scoring(scores[group], len(group))]
    return ranked if len(ranked) <= 2 * EXTREMES else np.r_[ranked[:EXTREMES], ranked[-EXTREMES:]]


def example_indices(study: "Study", scores: np.ndarray) -> np.ndarray:
    """Indices of the images whose reconstructions pages show, ascending; see `SAMPLES`, `EXTREMES` and `MAPS`."""
    picks = [study.split.fit[:SAMPLES]]
    for group in (study.normal, study.anomalies):
        picks += [extremes(scores, group), group[highest_scoring(scores[group], MAPS)]]
    return np.unique(np.concatenate(picks))


def lowest_scoring_anomalies(study: "Study", scores: np.ndarray) -> np.ndarray:
    """Indices of the `HEAT_MAPS` anomalies of the test set with the lowest scores."""
    return study.anomalies[lowest_scoring(scores[study.anomalies], HEAT_MAPS)]
