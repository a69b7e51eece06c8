"""What one threshold decides."""

import math
from itertools import pairwise

import numpy as np
import pytest

from lib import thresholds


def test_only_scores_strictly_above_are_flagged():
    assert thresholds.decide([0.01, 0.02, 0.03], 0.02).tolist() == [False, False, True]
    assert thresholds.decide([], 0.02).tolist() == []


def test_raising_the_threshold_never_flags_more():
    scores = np.random.default_rng(0).normal(size=200)
    flagged = [thresholds.decide(scores, line) for line in np.linspace(-3, 3, 20)]
    assert all((low | ~high).all() for low, high in pairwise(flagged))


@pytest.mark.parametrize(("scores", "line"), [([0.1, math.nan], 0.02), ([0.1], math.nan)])
def test_nan_is_refused(scores, line):
    with pytest.raises(ValueError, match="NaN"):
        thresholds.decide(scores, line)


def test_fixed_takes_the_value_as_given():
    assert thresholds.fixed(0.02) == 0.02


@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_impossible_fixed_thresholds_are_refused(value):
    with pytest.raises(ValueError, match="threshold"):
        thresholds.fixed(value)
