"""Every detector that a study may choose from: its autoencoder and refinements of it, features, cheap references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lib.evaluation import evaluate
from lib.study.study import Study

BASELINE = "autoencoder"  # what everything is compared with: the published network and its published score
MSE = "mse"


@dataclass(frozen=True)
class Candidate:
    """Scores of every image by one detector.

    Attributes:
        name: what pages call it.
        family: `autoencoder`, `features`, `reference`, `shortcut` or `ensemble`.
        scores: float64 (N,), higher is more abnormal.
        seconds: of fitting and scoring all images; of a network with several scores, of all of them.
        score: which score of a reconstruction it is, one of `lib.detectors.reconstruction.scores.SCORES`; empty for others.
        changes: what differs from the published autoencoder, by key of `lib.params.Refinement`.
        left_out: scores of normal images fitted on, each by the detector fitted on all others; empty where the detector
            would have to be fitted anew for each.
    """

    name: str
    family: str
    scores: np.ndarray
    seconds: float
    score: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    left_out: np.ndarray = field(default_factory=lambda: np.empty(0))


def candidates(study: Study) -> list[Candidate]:
    """All candidates of a study that holds images out (see `lib.evaluation.evaluate.apart`), the published detector first.

    Fits, scores and features that are not kept yet are made.
    """
    found = list(published_scores(study))
    for refinement in study.params.refinements:
        found += _of_network(study.refined(refinement), refinement.label, refinement.changes)
    found += list(_pretrained(study))
    return found + list(_references(study))


def published_scores(study: Study) -> Iterator[Candidate]:
    """The published autoencoder by each score that its reconstruction gives; the published score comes first."""
    yield from _of_network(study, "", {})


def _of_network(study: Study, label: str, changes: Mapping[str, Any]) -> Iterator[Candidate]:
    seconds = study.seconds(study.name)
    for score, values in study.errors(study.name).items():
        name = (label or BASELINE) + ("" if score == MSE else f", {_printed(score)}")
        yield Candidate(name, "autoencoder", values, seconds, score, changes)


def _printed(score: str) -> str:
    """A score's name in words, such as `relative MSE`."""
    words = score.replace("mahalanobis", "Mahalanobis").split("_")
    return " ".join(word.upper() if word in {"mse", "mae", "ssim"} else word for word in words)


def _pretrained(study: Study) -> Iterator[Candidate]:
    if study.params.backbone:
        from lib.study import features as pretrained

        for name, scores, seconds, left_out in pretrained.scores(study):
            yield Candidate(name, "features", scores, seconds, left_out=left_out)


def _references(study: Study) -> Iterator[Candidate]:
    from lib.detectors import baselines

    for name in baselines.REFERENCES:
        scores, seconds = evaluate.reference_scores(study, name)
        yield Candidate(name, "shortcut" if name in baselines.SHORTCUTS else "reference", scores, seconds)
