"""Ranking of detectors over studies: known tests, ties, and what must hold of any values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lib.evaluation import rankings


def test_the_best_in_every_study_is_first_with_rank_one():
    values = np.column_stack([np.linspace(0.5, 0.6, 12), np.linspace(0.9, 0.95, 12), np.linspace(0.7, 0.8, 12)])
    found = rankings.rank(values[:, None])
    assert found.order == (1, 2, 0) and found.ranks.tolist() == [1, 2, 3] and found.wins.tolist() == [12, 0, 0]
    assert all(pair.clear for pair in found.pairs) and found.groups == ()
    assert found.pair(0, 2).difference["value"] == pytest.approx(0.375)


def test_p_values_are_those_of_the_exact_test_and_of_holm():
    rising = np.arange(1, 7) / 100  # all six differences have one sign: p = 2 / 2^6
    found = rankings.rank(np.column_stack([0.5 + rising, np.full(6, 0.5)])[:, None])
    assert found.pair(0, 1).p == pytest.approx(2 / 2**6) and found.pair(0, 1).clear
    assert rankings.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert rankings.holm([0.5, 0.9]) == [1.0, 1.0]


def test_too_few_studies_are_told_before_any_difference_is():
    five = rankings.rank(np.column_stack([np.full(5, 0.9), np.linspace(0.1, 0.2, 5)])[:, None])
    assert five.needed == 6 and not five.pair(0, 1).clear
    for count in (2, 3, 5):
        found = rankings.rank(np.random.default_rng(0).random((4, 1, count)))
        pairs = count * (count - 1) / 2
        assert 2 / 2**found.needed * pairs < rankings.LEVEL <= 2 / 2 ** (found.needed - 1) * pairs


def test_equal_detectors_share_their_rank_and_stand_in_one_group():
    found = rankings.rank(np.full((9, 1, 3), 0.8))
    assert found.ranks.tolist() == [2, 2, 2] and found.groups == ((0, 2),) and found.wins.tolist() == [9, 9, 9]
    assert all(pair.p == 1 and pair.difference["value"] == 0 for pair in found.pairs)


def test_groups_are_the_longest_runs_without_a_clear_difference():
    def pair(better, worse, clear):
        return rankings.Pair(better, worse, {"value": 0.0}, 0.0 if clear else 1.0, 0.0 if clear else 1.0)

    clear = {(0, 2), (0, 3), (1, 3)}
    pairs = [pair(i, j, (i, j) in clear) for i in range(4) for j in range(i + 1, 4)]
    assert rankings._groups(4, pairs) == ((0, 1), (1, 2), (2, 3))
    assert rankings._groups(4, [pair(i, j, i == 0) for i in range(4) for j in range(i + 1, 4)]) == ((1, 3),)


def test_the_interval_is_the_t_interval_within_bounds():
    values = np.array([0.7, 0.8, 0.95, 0.99])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    found = rankings.interval(values)
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high)) and high > 1
    assert rankings.interval(values, 0.0, 1.0)["high"] == 1.0
    assert rankings.interval(values[:1]) == {"value": 0.7}


def test_noise_is_the_pooled_deviation_over_seeds():
    assert rankings.noise([np.array([0.9]), np.array([0.8])]) is None
    assert rankings.noise([np.array([0.1, 0.3]), np.array([0.9])]) == pytest.approx(np.std([0.1, 0.3], ddof=1))
    many = np.random.default_rng(1).normal(0.5, 0.02, (200, 5))
    assert rankings.noise(list(many)) == pytest.approx(0.02, rel=0.1)


def test_seeds_are_averaged_and_the_noise_of_a_difference_is_its_own():
    rising = np.linspace(0.5, 0.8, 7)
    together = [np.column_stack([value + np.array([0.0, 0.1]), value + np.array([0.05, 0.15])]) for value in rising]
    found = rankings.rank(together)  # the two vary alike, so that their difference does not
    assert found.order == (1, 0) and found.pair(0, 1).noise == pytest.approx(0, abs=1e-12)
    assert found.noises == pytest.approx([np.std([0, 0.1], ddof=1)] * 2) and not found.pair(0, 1).within_noise
    assert found.means[0]["value"] == pytest.approx(rising.mean() + 0.1) and found.studies == 7
    apart = rankings.rank([np.column_stack([each[:, 0], each[::-1, 1]]) for each in together])
    assert apart.pair(0, 1).noise == pytest.approx(np.std([0.15, -0.05], ddof=1)) and apart.pair(0, 1).within_noise
    assert rankings.rank([each[:1] for each in together]).pair(0, 1).noise is None


def test_a_correlation_is_spearmans():
    one = np.array([1.0, 2, 3, 4, 9])
    assert rankings.correlation(one, one**3) == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    assert rankings.correlation(one, np.ones(5)) == (0.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31))
def test_ranks_follow_from_the_values_whatever_their_order(studies, count, seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 5, (studies, count)) / 4  # with many ties
    found, order = rankings.rank(values[:, None]), random.permutation(count)
    assert found.ranks.mean() == pytest.approx((count + 1) / 2)
    assert sorted(found.ranks.tolist()) == found.ranks.tolist()
    assert rankings.rank(values[:, None, order]).ranks == pytest.approx(found.ranks)
    assert all(0 <= pair.p <= pair.adjusted <= 1 for pair in found.pairs)
