"""Conformal p-values of new images, and the list of anomalies that keeps the share of false discoveries low."""

import numpy as np


def p_values(scores, calibration) -> np.ndarray:
    """Return the conformal p-value of each score: how often a normal image scores as high.

    It is (1 + the number of calibration scores that are as high or higher) / (n + 1). For a normal image that is
    exchangeable with the calibration images, the probability of a p-value of u or less is at most u (Vovk, Gammerman
    and Shafer, Algorithmic Learning in a Random World, 2005).

    Args:
        scores: Anomaly scores of new images, shape (m,), higher is more abnormal; NaN where there is none.
        calibration: Scores of normal images that the detector was not fitted on, shape (n,), finite.

    Returns:
        float64 (m,), from 1/(n + 1) to 1; NaN where the score is, and everywhere if there is no calibration score.
    """
    scores, ordered = np.asarray(scores, dtype=float), np.sort(np.asarray(calibration, dtype=float))
    if not ordered.size:
        return np.full(scores.shape, np.nan)
    as_high = ordered.size - np.searchsorted(ordered, scores, side="left")
    return np.where(np.isnan(scores), np.nan, (1 + as_high) / (ordered.size + 1))


def benjamini_hochberg(p_values, rate: float) -> np.ndarray:
    """Return which images the Benjamini-Hochberg procedure lists as anomalies.

    On conformal p-values, which share one calibration set, the expected share of normal images in the list is at most
    `rate` (Bates, Candès, Lei, Romano and Sesia, Annals of Statistics 51, 2023, 149-178).

    Args:
        p_values: Of `p_values`, shape (m,); NaN is never listed and does not count.
        rate: False discovery rate, strictly between 0 and 1.

    Returns:
        Boolean array, shape (m,).

    Raises:
        ValueError: The rate is out of range.
    """
    if not 0 < rate < 1:
        raise ValueError(f"fdr: {rate:g} is not strictly between 0 and 1")
    values = np.asarray(p_values, dtype=float)
    ordered = np.sort(values[~np.isnan(values)])
    allowed = rate * np.arange(1, ordered.size + 1) / max(ordered.size, 1)
    # As decimal numbers: 3 · 0.1 / 30 is 0.01, and its float is a little more.
    passed = np.flatnonzero(ordered <= allowed * (1 + 1e-12))
    return values <= (ordered[passed[-1]] if passed.size else -np.inf)


def least_discoveries(images: int, calibration: int, rate: float) -> int:
    """Return the least number of images that a list of `benjamini_hochberg` can have, if it has any.

    The smallest p-value is 1/(n + 1), so k images can be listed only if 1/(n + 1) is at most `rate` · k / m.

    Args:
        images: Number of new images, m.
        calibration: Number of calibration scores, n.
        rate: False discovery rate.
    """
    return max(int(np.ceil(images / (rate * (calibration + 1)) * (1 - 1e-12))), 1)
