"""How detectors compare over many studies: means, ranks, paired tests, and how much of a difference is noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

LEVEL = 0.05  # of the tests, all pairs together
COVERAGE = 0.95  # of the intervals


@dataclass(frozen=True)
class Pair:
    """Two of the detectors compared, by their places in the ranking.

    Attributes:
        better: place of the one with the better mean rank.
        worse: place of the other.
        difference: mean over the studies of the value of `better` less that of `worse`: `value`, and the ends of its
            95 % t-interval, `low` and `high`, where there are two studies or more.
        p: of Wilcoxon's signed-rank test (1945), two-sided; 1 where all differences are 0.
        adjusted: that value by the method of Holm (1979), for all pairs together.
        noise: how much the difference varies within a study with the seed alone; None where no study has two seeds.
    """

    better: int
    worse: int
    difference: dict[str, float]
    p: float
    adjusted: float
    noise: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the two differ, at `LEVEL` for all pairs together."""
        return self.adjusted < LEVEL

    @property
    def within_noise(self) -> bool:
        """Whether the mean difference is at most what another seed changes in one study."""
        return self.noise is not None and abs(self.difference["value"]) <= self.noise


@dataclass(frozen=True)
class Ranking:
    """Detectors over the same studies, the best mean rank first.

    Attributes:
        order: places of the detectors in the values that were given.
        means: of each over the studies: `value`, `low` and `high` of the 95 % t-interval, within [0, 1].
        noises: how much the value of each varies within a study with the seed alone; None where no study has two seeds.
        ranks: mean rank of each over the studies, float (k,), 1 is best; equal values share their mean rank.
        wins: in how many studies each has the highest value, alone or with others, int (k,).
        pairs: every two of them.
        groups: first and last place of the largest runs of detectors of which no two clearly differ.
        studies: number of studies.
    """

    order: tuple[int, ...]
    means: tuple[dict[str, float], ...]
    noises: tuple[float | None, ...]
    ranks: np.ndarray
    wins: np.ndarray
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[int, int], ...]
    studies: int

    def pair(self, better: int, worse: int) -> Pair:
        """The pair of two places."""
        return next(pair for pair in self.pairs if (pair.better, pair.worse) == (better, worse))

    @property
    def needed(self) -> int:
        """Studies from which on Wilcoxon's test can find a difference at all, for so many pairs."""
        return int(np.floor(1 + np.log2(max(len(self.pairs), 1) / LEVEL))) + 1


def rank(studies: Sequence[np.ndarray]) -> Ranking:
    """Rank detectors by a value of which more is better.

    Pairs are tested by Wilcoxon's signed-rank test with Holm's correction, whose verdict on two detectors does not
    depend on which others are compared, other than the test of Nemenyi (Benavoli, Corani and Mangili, Should we really
    use post-hoc tests based on mean-ranks?, 2016).

    Args:
        studies: of each study, the values of its seeds and of the detectors, float (m, k), finite, each in [0, 1]; the
            mean over the seeds counts. There is at least one study, seed and detector.
    """
    studies = [np.asarray(each, float) for each in studies]
    values = np.array([each.mean(axis=0) for each in studies])
    count = values.shape[1]
    ranks = stats.rankdata(-values, axis=1).mean(axis=0)
    order = sorted(range(count), key=lambda place: (ranks[place], -values[:, place].mean()))
    values, studies = values[:, order], [each[:, order] for each in studies]
    places = list(combinations(range(count), 2))
    differences = [[each[:, better] - each[:, worse] for each in studies] for better, worse in places]
    averages = [np.array([each.mean() for each in difference]) for difference in differences]
    tests = [_wilcoxon(average) for average in averages]
    parts = zip(places, averages, tests, holm(tests), differences, strict=True)
    pairs = tuple(
        Pair(*place, interval(average), p, adjusted, noise(difference))
        for place, average, p, adjusted, difference in parts
    )
    means = tuple(interval(column, 0.0, 1.0) for column in values.T)
    noises = tuple(noise([each[:, place] for each in studies]) for place in range(count))
    wins = (values == values.max(axis=1, keepdims=True)).sum(axis=0)
    return Ranking(tuple(order), means, noises, ranks[order], wins, pairs, _groups(count, pairs), len(studies))


def interval(values: np.ndarray, least: float = -np.inf, most: float = np.inf) -> dict[str, float]:
    """Mean of values (n,) as a metric, with the ends of its 95 % t-interval, within bounds, where n is 2 or more."""
    mean = float(values.mean())
    if len(values) < 2:
        return {"value": mean}
    half = float(stats.t.ppf((1 + COVERAGE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return {"value": mean, "low": max(least, mean - half), "high": min(most, mean + half)}


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted for all tests together (Holm, A simple sequentially rejective test procedure, 1979)."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def noise(values: Sequence[np.ndarray]) -> float | None:
    """How much a value varies with the seed alone: the pooled standard deviation over the seeds.

    Args:
        values: of each study, those of its seeds, float (m,) each.

    Returns:
        None where no study has two seeds.
    """
    several = [np.asarray(each, float) for each in values if len(each) > 1]
    freedom = sum(len(each) - 1 for each in several)
    return float(np.sqrt(sum(each.var() * len(each) for each in several) / freedom)) if freedom else None


def correlation(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Spearman's rank correlation of two series (n,), and the p-value; 0 and 1 where one is constant."""
    if not (np.ptp(one) and np.ptp(other)):
        return 0.0, 1.0
    found = stats.spearmanr(one, other)
    return float(found.statistic), float(found.pvalue)


def _wilcoxon(difference: np.ndarray) -> float:
    return float(stats.wilcoxon(difference, zero_method="pratt").pvalue) if difference.any() else 1.0


def _groups(count: int, pairs: Sequence[Pair]) -> tuple[tuple[int, int], ...]:
    clear = {(pair.better, pair.worse) for pair in pairs if pair.clear}
    found: list[tuple[int, int]] = []
    for first in range(count):
        last = first
        while last + 1 < count and not any((place, last + 1) in clear for place in range(first, last + 1)):
            last += 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
