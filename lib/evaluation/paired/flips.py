"""Decisions of two detectors on the same images: how many differ, and which differ most."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import stats

from lib.evaluation.metrics import Metric

Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval


@dataclass(frozen=True)
class Flips:
    """Decisions of A and B on the same images, counted.

    Attributes:
        both: flagged by both.
        only_a: flagged by A alone.
        only_b: flagged by B alone.
        neither: flagged by neither.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def images(self) -> int:
        """How many images there are."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def p_value(self) -> float:
        """Two-sided p-value of McNemar's exact test that A and B flag equally many; 1 if no decision differs."""
        differing = self.only_a + self.only_b
        return float(stats.binomtest(self.only_a, differing, 0.5).pvalue) if differing else 1.0

    @property
    def difference(self) -> Metric:
        """The share of the images that A flags minus the share that B flags.

        Returns:
            `{"value", "low", "high", "chance": 0.0}` with the 95 % interval for paired shares of Agresti and Min
            (Statistics in Medicine 24 (2005) 729-740), which adds half an image to each of the four counts; None for
            all but `chance` without images.
        """
        if not self.images:
            return {"value": None, "low": None, "high": None, "chance": 0.0}
        n, more = self.images + 2, self.only_a - self.only_b
        half = Z * math.sqrt(self.only_a + self.only_b + 1 - more**2 / n) / n
        low, high = max(more / n - half, -1.0), min(more / n + half, 1.0)
        return {"value": more / self.images, "low": low, "high": high, "chance": 0.0}


def flips(flagged_a: np.ndarray, flagged_b: np.ndarray) -> Flips:
    """Count the decisions of two detectors on the same images, bool (n,) each."""
    return Flips(
        both=int((flagged_a & flagged_b).sum()),
        only_a=int((flagged_a & ~flagged_b).sum()),
        only_b=int((~flagged_a & flagged_b).sum()),
        neither=int((~flagged_a & ~flagged_b).sum()),
    )


def farthest(rows: np.ndarray, scores: tuple[np.ndarray, np.ndarray], thresholds: tuple[float, float]) -> np.ndarray:
    """Sort images so that those whose scores are farthest from the thresholds of both detectors come first.

    The scores of two detectors have no common unit. So the distance of an image from a threshold is the number of
    images with scores in between, and the distances from both thresholds are added.

    Args:
        rows: places of the images to sort, int (k,).
        scores: of A and B on all images that they share, float64 (n,) each.
        thresholds: of A and B.

    Returns:
        `rows`, sorted; equal distances stay in their order.
    """
    distance = np.zeros(len(rows), int)
    for own, threshold in zip(scores, thresholds, strict=True):
        ordered, values = np.sort(own), own[rows]
        place = np.searchsorted(ordered, threshold, side="right")
        above, below = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        distance += np.where(values > threshold, above - place, place - below)
    return rows[np.argsort(-distance, kind="stable")]
