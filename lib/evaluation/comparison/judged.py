"""Candidates judged: on the validation part, by which one is chosen, and on images that no choice has seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.evaluation import metrics
from lib.evaluation.comparison.candidates import Candidate
from lib.params import Refinement
from lib.study.study import Study


@dataclass(frozen=True)
class Judged:
    """A candidate and what it is worth.

    Attributes:
        candidate: its scores.
        validation: AUROC on the validation part, by which candidates are chosen.
        auroc: AUROC on the judged images, with its interval.
        fpr: false positive rate where 95 % of the judged anomalies are caught.
        difference: of the AUROC to the baseline's, paired, with its interval; None for the baseline.
    """

    candidate: Candidate
    validation: float
    auroc: dict[str, Any]
    fpr: dict[str, Any]
    difference: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Of the candidate."""
        return self.candidate.name

    def row(self) -> dict[str, Any]:
        """As `lib.presentation.tables.refinements` takes it, and as `metrics.json` keeps it."""
        return {
            "name": self.name,
            "family": self.candidate.family,
            "validation": self.validation,
            "auroc": self.auroc,
            "fpr_at_95_tpr": self.fpr,
            "difference": self.difference,
            "seconds": self.candidate.seconds,
        }


def judge(study: Study, found: Iterable[Candidate], baseline: Candidate) -> list[Judged]:
    """Judges candidates on the same images, each against a baseline, in the order given."""
    test = study.split.test
    labels, own = study.labels[test], baseline.scores[test]
    judged = []
    for each in found:
        scores = each.scores[test]
        same = each is baseline
        judged.append(
            Judged(
                each,
                validated(study, each),
                metrics.auroc(labels, scores),
                metrics.fpr_at_tpr(labels, scores),
                None if same else metrics.auroc_difference(labels, scores, own),
            )
        )
    return judged


def validated(study: Study, candidate: Candidate) -> float:
    """AUROC of a candidate on the validation part."""
    seen = study.split.labelled
    return metrics.auroc(study.labels[seen], candidate.scores[seen])["value"]


def best(judged: Sequence[Judged]) -> Judged:
    """The one with the highest AUROC on the validation part; of equals the quickest."""
    return max(judged, key=lambda each: (each.validation, -each.candidate.seconds))


def noise(study: Study) -> float | None:
    """How far two fits of the published autoencoder differ in AUROC by their seeds alone: twice their deviation.

    The standard deviation of a difference of two is √2 times that of one, estimated from the study's seeds; None where
    it names none.
    """
    labels, test = study.labels[study.split.test], study.split.test
    seeded = [study, *(study.refined(Refinement(seed=seed)) for seed in study.params.seeds)]
    if len(seeded) < 2:
        return None
    values = [metrics.auroc(labels, each.scores("autoencoder")[test])["value"] for each in seeded]
    return float(2 * np.sqrt(2) * np.std(values, ddof=1))
