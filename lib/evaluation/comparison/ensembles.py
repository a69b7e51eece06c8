"""Which detectors are put together: a greedy choice on the validation set."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from lib import detectors
from lib.detectors import BASELINE, Spec
from lib.evaluation import metrics
from lib.evaluation.comparison.leaderboard import validation_auroc
from lib.study import Fitted, Study

MEMBERS = 4
GAIN = 0.0005  # of AUROC on the validation set, at the least, that one more member has to bring


def ensembles(study: Study, pool: Mapping[str, Fitted]) -> list[Spec]:
    """The ensembles of a study: of the published network's scores alone, and of everything but shortcuts.

    Of each other network the score that is best on the validation set takes part.

    Args:
        study: holds images out and has a validation set.
        pool: the detectors of the leaderboard.
    """
    own = [fit for fit in pool.values() if fit.spec.kind.name == BASELINE and not fit.spec.changes]
    others: dict[str, list[Fitted]] = {}
    for fit in pool.values():
        if fit not in own and fit.spec.family != "shortcut":
            others.setdefault(str((fit.spec.kind.name, fit.fit_folder)), []).append(fit)
    best = [max(group, key=lambda fit: validation_auroc(study, fit.scores)) for group in others.values()]
    combined = [_combined(study, own, "ensemble of one network"), _combined(study, [*own, *best], "ensemble")]
    return [spec for spec in combined if spec is not None]


def choose_members(labels: np.ndarray, scores: Sequence[np.ndarray]) -> list[int]:
    """Which detectors raise the AUROC of the mean rank (Caruana et al., Ensemble selection, 2004).

    It starts from the best and takes in, one at a time, the one that raises the AUROC most, while it gains `GAIN`.

    Args:
        labels: int (n,), of the validation set.
        scores: of each detector, float (n,).

    Returns:
        Positions in `scores`, `MEMBERS` at most, in the order in which they were taken.
    """
    ranks = [rankdata(values, method="max") / len(values) for values in scores]

    def worth(members: Sequence[int]) -> float:
        return metrics.auroc(labels, np.mean([ranks[member] for member in members], axis=0))["value"]

    members = [max(range(len(ranks)), key=lambda member: worth([member]))]
    reached = worth(members)
    while len(members) < MEMBERS and (rest := [member for member in range(len(ranks)) if member not in members]):
        following = max(rest, key=lambda member: worth([*members, member]))
        gained = worth([*members, following]) - reached
        if gained < GAIN:
            break
        members, reached = [*members, following], reached + gained
    return members


def _combined(study: Study, pool: Sequence[Fitted], title: str) -> Spec | None:
    """The ensemble of the members that `choose_members` takes; None where no second one helps."""
    seen = study.split.validation
    if not pool:
        return None
    members = [pool[place] for place in choose_members(study.labels[seen], [fit.scores[seen] for fit in pool])]
    if len(members) < 2:
        return None
    options = [{member.spec.kind.name: member.spec.options.model_dump(mode="json")} for member in members]
    label = f"{title}: {' + '.join(member.spec.label.removeprefix(f'{BASELINE}, ') for member in members)}"
    return detectors.spec("ensemble", {"members": options, "label": label}, {})
