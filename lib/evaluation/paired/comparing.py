"""The metrics of two detectors side by side, and their differences on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from lib.evaluation import metrics, thresholds
from lib.evaluation.metrics import Metric
from lib.evaluation.paired.evaluated import Evaluated
from lib.evaluation.paired.flips import Flips, farthest, flips
from lib.evaluation.paired.shared import LEAST, Shared, shared

METRICS = ("auroc", "recall", "fpr")


@dataclass(frozen=True)
class Comparison:
    """Two detectors, A and B.

    Attributes:
        a: the first.
        b: the second.
        shared: the test images that they share.
    """

    a: Evaluated
    b: Evaluated
    shared: Shared

    @cached_property
    def lacking(self) -> tuple[int, ...]:
        """Labels of images that both test sets have, but none in common: 0 for normal images, 1 for anomalies."""
        own = [set(side.table["label"]) for side in (self.a, self.b)]
        return tuple(sorted((own[0] & own[1]) - set(self.shared.table["label"])))

    @property
    def paired(self) -> bool:
        """Whether the two are compared on the same images: there are shared ones, and none of `lacking`."""
        return len(self.shared.table) > 0 and not self.lacking

    @cached_property
    def counts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Normal images and anomalies that `metrics` of A, and of B, were measured on."""
        return tuple(_counts(self._measured(name)[0]) for name in "ab")

    @cached_property
    def metrics(self) -> tuple[Mapping[str, Metric | None], Mapping[str, Metric | None]]:
        """`METRICS` of A and of B: on the shared images if `paired`, else each on its own test set.

        A metric is None where it has no value: the AUROC without normal images or anomalies, the recall without
        anomalies, and the false positive rate without normal images.
        """
        return tuple(_metrics(*self._measured(name)) for name in "ab")

    @cached_property
    def differences(self) -> Mapping[str, Metric | None]:
        """`METRICS` of A minus those of B on the shared images, with paired intervals; None where there is none."""
        table = self.shared.table
        labels = table["label"].to_numpy()
        enough = len(labels) and min(_counts(labels)) >= LEAST
        auroc = metrics.auroc_difference(labels, table["score_a"], table["score_b"]) if enough else None
        rates = {"recall": self.flips[1].difference, "fpr": self.flips[0].difference}
        return {"auroc": auroc} | {name: rate if rate["value"] is not None else None for name, rate in rates.items()}

    @cached_property
    def flips(self) -> tuple[Flips, Flips]:
        """Decisions on the shared images: on normal images, and on anomalies."""
        first, second, labels = *self._flagged, self.shared.table["label"].to_numpy()
        return tuple(flips(first[labels == label], second[labels == label]) for label in (0, 1))

    def flipped(self, label: int, by_a: bool) -> pd.DataFrame:
        """The shared images of a label that one study alone flags.

        Args:
            label: 0 for normal images, 1 for anomalies.
            by_a: whether A flags them, else B.

        Returns:
            Rows of `shared.table`, sorted by `farthest`.
        """
        table, (first, second) = self.shared.table, self._flagged
        only = first & ~second if by_a else second & ~first
        rows = np.flatnonzero(only & (table["label"].to_numpy() == label))
        scores = table["score_a"].to_numpy(), table["score_b"].to_numpy()
        return table.iloc[farthest(rows, scores, (self.a.threshold, self.b.threshold))]

    @cached_property
    def _flagged(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.shared.table
        return tuple(
            thresholds.decide(table[f"score_{name}"].to_numpy(), side.threshold)
            for name, side in (("a", self.a), ("b", self.b))
        )

    def _measured(self, name: str) -> tuple[np.ndarray, np.ndarray, float]:
        """Labels, scores and threshold of `a` or `b`."""
        side: Evaluated = getattr(self, name)
        table, column = (self.shared.table, f"score_{name}") if self.paired else (side.table, "score")
        return table["label"].to_numpy(), table[column].to_numpy(), side.threshold


def compare(a: Evaluated, b: Evaluated) -> Comparison:
    """Compare two detectors on the test images that they share."""
    return Comparison(a, b, shared(a, b))


def _counts(labels: np.ndarray) -> tuple[int, int]:
    return int((labels == 0).sum()), int((labels == 1).sum())


def _metrics(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, Metric | None]:
    at = metrics.at_threshold(labels, scores, threshold)
    rates = {name: at[name] if at[name]["value"] is not None else None for name in ("recall", "fpr")}
    return {"auroc": metrics.auroc(labels, scores) if min(_counts(labels)) else None} | rates
