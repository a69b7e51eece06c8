"""Rules that turn what a rule may see into a threshold, and the one decision that a threshold makes.

An image is flagged as an anomaly when its score lies strictly above the threshold; a score equal to the
threshold passes. Every room that decides, counts or draws decisions goes through
`decide`.
"""

import math

import numpy as np


def decide(scores, threshold: float) -> np.ndarray:
    """Flag the scores that lie strictly above the threshold.

    Args:
        scores: Anomaly scores, shape (n,), higher is more abnormal.
        threshold: The line; a score equal to it is not flagged.

    Returns:
        Boolean array, shape (n,): true where the image is judged an anomaly.

    Raises:
        ValueError: A score or the threshold is NaN, since a comparison with NaN would silently pass it as
            normal.
    """
    scores = np.asarray(scores, dtype=float)
    missing = np.flatnonzero(np.isnan(scores))
    if missing.size:
        raise ValueError(
            f"scores: {missing.size} of {scores.size} are NaN, the first at index {missing[0]}; "
            "a missing score cannot be judged, check the detector"
        )
    if math.isnan(threshold):
        raise ValueError("threshold: is NaN; give a number")
    return scores > threshold


def fixed(value: float) -> float:
    """Take the threshold as given: the rule of the published study.

    Args:
        value: The threshold, a finite number that is not negative (reconstruction errors never are).

    Returns:
        The same value as a float.

    Raises:
        ValueError: The value is negative, infinite or NaN.
    """
    value = float(value)
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"threshold: {value:g} is not a finite number of at least 0; reconstruction errors are never less"
        )
    return value
