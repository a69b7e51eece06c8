"""Detectors put together: the mean of their ranks, where validation gains by it."""

from collections.abc import Sequence

import numpy as np

from lib.evaluation import metrics
from lib.evaluation.comparison.candidates import BASELINE, Candidate
from lib.study.study import Study

MEMBERS = 4
GAIN = 0.0005  # of AUROC on validation, at the least, that one more member has to bring


def combine(study: Study, pool: Sequence[Candidate], label: str) -> Candidate | None:
    """The ensemble that greedy choice on the validation part finds (Caruana et al., Ensemble selection, 2004).

    It starts from the best candidate and takes in, one at a time, the one that raises the AUROC most. What is averaged
    is a score's rank among those of the validation part, so that an image's score depends on no other image judged.

    Args:
        study: holds images out and has a validation part.
        pool: the candidates; shortcuts, which do not look at what is shown, are no members.
        label: what its name begins with.

    Returns:
        The ensemble, its seconds those of its members; None where no second member helps.
    """
    seen = study.split.labelled
    labels = study.labels[seen]
    members = [each for each in pool if each.family != "shortcut"]
    ranks = {each.name: ranked(each.scores, each.scores[seen]) for each in members}

    def worth(names: Sequence[str]) -> float:
        return metrics.auroc(labels, np.mean([ranks[name][seen] for name in names], axis=0))["value"]

    chosen = [max(ranks, key=lambda name: worth([name]))]
    reached = worth(chosen)
    while len(chosen) < MEMBERS:
        rest = [name for name in ranks if name not in chosen]
        if not rest:
            break
        following = max(rest, key=lambda name: worth([*chosen, name]))
        gained = worth([*chosen, following]) - reached
        if gained < GAIN:
            break
        chosen, reached = [*chosen, following], reached + gained
    if len(chosen) < 2:
        return None
    # Scores of one network share one fit and one pass, which is paid once.
    joined = [each for each in members if each.name in chosen]
    paid = {str(dict(each.changes)) if each.score else each.name: each.seconds for each in joined}
    scores = np.mean([ranks[name] for name in chosen], axis=0)
    name = f"{label}: {' + '.join(each.removeprefix(f'{BASELINE}, ') for each in chosen)}"
    return Candidate(name, "ensemble", scores, sum(paid.values()))


def ranked(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Rank of each score among some, as a share, float64 (N,); outside them it goes on, so that none are tied.

    Between two of them ranks are interpolated. Beyond the lowest and the highest a score gains up to one more place, by
    how far it is outside as a share of their range.
    """
    ordered = np.unique(among)
    places = np.searchsorted(np.sort(among), ordered, side="right") / len(among)
    inside = np.interp(scores, ordered, places)
    spread = max(ordered[-1] - ordered[0], np.finfo(float).tiny)
    above, below = np.maximum(scores - ordered[-1], 0) / spread, np.maximum(ordered[0] - scores, 0) / spread
    return inside + (above / (1 + above) - below / (1 + below)) / len(among)
