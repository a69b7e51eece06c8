"""Conformal p-values and the Benjamini-Hochberg list: limits, a slow reference, and the promise by simulation."""

import numpy as np
import pytest

from lib.evaluation import discoveries, thresholds

RATE = 0.1


def slow_p_values(scores, calibration):
    return [(1 + sum(other >= score for other in calibration)) / (len(calibration) + 1) for score in scores]


def slow_list(p_values, rate):
    ranked = sorted(p_values)
    largest = max((k for k in range(1, len(ranked) + 1) if ranked[k - 1] <= rate * k / len(ranked)), default=0)
    return [p <= ranked[largest - 1] if largest else False for p in p_values]


def test_p_values_agree_with_counting_and_count_equal_scores():
    random = np.random.default_rng(1)
    calibration, scores = random.integers(0, 20, 57), random.integers(-5, 25, 200)
    np.testing.assert_allclose(discoveries.p_values(scores, calibration), slow_p_values(scores, calibration))
    assert discoveries.p_values([99.0], calibration)[0] == 1 / 58
    assert discoveries.p_values([-99.0], calibration)[0] == 1


def test_without_a_score_or_without_calibration_there_is_no_p_value():
    assert np.isnan(discoveries.p_values([np.nan, 1.0], [0.5, 2.0])).tolist() == [True, False]
    assert np.isnan(discoveries.p_values([1.0, 2.0], [])).all()
    assert not discoveries.benjamini_hochberg([np.nan, np.nan], RATE).any()
    assert discoveries.benjamini_hochberg([], RATE).shape == (0,)


def test_the_list_agrees_with_a_slow_reference():
    random = np.random.default_rng(2)
    for _ in range(200):
        p_values = np.r_[random.random(20), random.random(8) / 50]
        assert discoveries.benjamini_hochberg(p_values, RATE).tolist() == slow_list(p_values, RATE)


def test_missing_p_values_change_nothing_for_the_others():
    p_values = np.array([0.001, np.nan, 0.02, 0.5, np.nan])
    listed = discoveries.benjamini_hochberg(p_values, RATE)
    assert listed.tolist() == [True, False, True, False, False]
    assert listed[[0, 2, 3]].tolist() == slow_list(p_values[[0, 2, 3]], RATE)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="fdr"):
        discoveries.benjamini_hochberg([0.1], rate)


@pytest.mark.parametrize(
    ("images", "calibration", "rate"), [(1000, 99, 0.1), (30, 9, 0.1), (10, 999, 0.1), (7, 3, 0.3)]
)
def test_the_least_number_of_discoveries_is_the_least_that_can_be_listed(images, calibration, rate):
    least = discoveries.least_discoveries(images, calibration, rate)

    def listed(count):
        lowest = np.where(np.arange(images) < count, 1 / (calibration + 1), 1.0)
        return int(discoveries.benjamini_hochberg(lowest, rate).sum())

    assert least > images or listed(least) == least
    assert least == 1 or listed(least - 1) == 0


@pytest.mark.parametrize("anomalies", [0.0, 0.05, 0.3])
def test_1000_simulated_batches_keep_the_false_discovery_rate(anomalies):
    random = np.random.default_rng(3)
    shares, found = [], []
    for _ in range(1000):
        calibration = random.normal(size=400)
        wrong = random.random(200) < anomalies
        scores = random.normal(size=200) + 4 * wrong
        listed = discoveries.benjamini_hochberg(discoveries.p_values(scores, calibration), RATE)
        shares.append((listed & ~wrong).sum() / max(listed.sum(), 1))
        found.append((listed & wrong).sum() / max(wrong.sum(), 1))
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) <= RATE * (1 - anomalies) + 3 * error
    assert anomalies < 0.1 or np.mean(found) > 0.8


def test_flagging_by_a_conformal_threshold_is_flagging_by_the_p_value():
    random = np.random.default_rng(4)
    calibration, scores = random.normal(size=99), random.normal(size=500)
    flagged = thresholds.decide(scores, thresholds.target_fpr(calibration, 0.05))
    np.testing.assert_array_equal(flagged, discoveries.p_values(scores, calibration) <= 0.05)
