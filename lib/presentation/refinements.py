"""What a page shows of refinements: which of them, in which order, and in the form that figures and tables take."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lib.evaluation.comparison.candidates import MSE, Candidate
from lib.evaluation.comparison.ensembles import combine
from lib.evaluation.comparison.health import plain
from lib.evaluation.comparison.judged import Judged, best, validated
from lib.study.study import Study

LEADING = 10  # pairs of a network and a score that a table lists
LONGEST = 80  # characters of a name in the key of a figure
LEAST = 0.01  # seconds, to which times are kept; what takes less is drawn there
TELLING = 6  # images shown with a map


def sizes(study: Study) -> tuple[tuple[int, int], tuple[int, int]]:
    """Normal images and anomalies of the validation part, and of the part that is judged."""
    split = study.split
    return (len(split.calibration), len(split.validation)), (len(study.normal), len(study.anomalies))


def rows(records: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records of `lib.evaluation.comparison.health` as `lib.presentation.tables.health` takes them."""
    return [
        {"model": name, **record, "alarms": ", ".join(record["alarms"]) or "none"} for name, record in records.items()
    ]


def by_published_score(judged: Sequence[Judged]) -> list[Judged]:
    """The published autoencoder, then every refinement of it, by the published score."""
    return [each for each in judged if each.candidate.score == MSE]


def published_network(judged: Sequence[Judged]) -> list[Judged]:
    """The published network by every score, the published one first."""
    return [each for each in judged if each.candidate.score and not each.candidate.changes]


def differences(judged: Sequence[Judged]) -> tuple[list[str], list[float], list[float], list[float]]:
    """Names, differences to the baseline and ends of their intervals, the baseline left out."""
    apart = [each for each in judged if each.difference]
    ends = ([each.difference[key] for each in apart] for key in ("value", "low", "high"))
    return [each.name for each in apart], *ends


def leading(judged: Sequence[Judged]) -> list[Judged]:
    """The published autoencoder, then what leads on validation among all networks and scores."""
    ours = [each for each in judged if each.candidate.family == "autoencoder"]
    return ours[:1] + sorted(ours[1:], key=lambda each: -each.validation)[:LEADING]


def telling(study: Study) -> np.ndarray:
    """Indices of the judged anomalies with the lowest scores of the published autoencoder, which it is surest of."""
    scores = study.scores("autoencoder")
    return study.anomalies[np.argsort(scores[study.anomalies], kind="stable")[:TELLING]]


def ensembles(study: Study, found: Sequence[Candidate]) -> list[Candidate]:
    """What greedy choice puts together: of the published network's scores alone, and of everything.

    Of each refined network the score that is best on validation takes part.
    """
    own = [each for each in found if each.score and not each.changes]
    networks: dict[str, list[Candidate]] = {}
    for each in found:
        if each.changes:
            networks.setdefault(str(dict(each.changes)), []).append(each)
    refined = [max(group, key=lambda each: validated(study, each)) for group in networks.values()]
    rest = [each for each in found if not each.score]
    made = [combine(study, own, "one network"), combine(study, [*own, *refined, *rest], "all together")]
    return [each for each in made if each is not None]


def notable(judged: Sequence[Judged]) -> list[Judged]:
    """The published detector, the best of its other scores and of the refinements, and all that is no autoencoder."""
    published = published_network(judged)
    refined = [each for each in judged if each.candidate.changes]
    other = [each for each in judged if not each.candidate.score]
    picked = published[:1] + ([best(published[1:])] if published[1:] else []) + ([best(refined)] if refined else [])
    return [*picked, *other]


def costs(judged: Sequence[Judged]) -> tuple[list, ...]:
    """Names, seconds, AUROC, ends of its interval and families, as `lib.presentation.plots.cost_benefit` takes them."""
    ends = ([each.auroc[key] for each in judged] for key in ("value", "low", "high"))
    return (
        [textwrap.shorten(each.name, LONGEST, placeholder=" …") for each in judged],
        [max(each.candidate.seconds, LEAST) for each in judged],
        *ends,
        [each.candidate.family for each in judged],
    )


def record(
    judged: Sequence[Judged],
    together: Sequence[Judged],
    verdicts: Sequence[Mapping[str, Any]],
    spread: float | None,
    passed: Mapping[str, Mapping[str, Any]],
    pick: Mapping[str, Any],
) -> dict[str, Any]:
    """What `metrics.json` keeps of all this, under `refinements`."""
    chosen = pick["detector"]
    line = pick["threshold"]
    return {
        "refinements": {
            "judged": {each.name: each.row() for each in [*judged, *together]},
            "recommendations": {row["recommendation"]: dict(row) for row in verdicts},
            "spread_of_seeds": spread,
            "latent": {name: plain(dict(each)) for name, each in passed.items()},
            "choice": {
                "detector": chosen.name,
                "threshold": {"value": line.value, "rule": line.rule, "saw": line.saw},
                "aimed_at": pick["alpha"],
                "at": pick["at"],
            },
        }
    }
