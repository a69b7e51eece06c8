"""The one choice: which detector to use on this data, and at which threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lib.evaluation import metrics, thresholds
from lib.evaluation.comparison.latent import latent_use, vaes
from lib.evaluation.comparison.leaderboard import Row
from lib.evaluation.evaluate import threshold_record
from lib.evaluation.thresholds import Threshold
from lib.study import Run, Study, holdout_of


def best(rows: Sequence[Row]) -> Row:
    """The row with the highest AUROC on the validation set; of equals the quickest."""
    return max(rows, key=lambda row: (row["validation"] or 0.0, -row["seconds"]))


def best_of_families(rows: Sequence[Row]) -> dict[str, Row]:
    """The best row of each family, by family."""
    return {family: best([row for row in rows if row["family"] == family]) for family in _families(rows)}


def _families(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["family"] for row in rows))


def calibrate(study: Study, run: Run, column: str) -> tuple[Threshold, float, int]:
    """The threshold that keeps the expected false positive rate at the study's target, by conformal calibration.

    It sees normal images that no test has: the calibration set and, where the detector can tell the score of each image
    fitted on had it been left out, those too. The rate scatters less the more there are. An image left out is scored by
    a detector fitted on one image fewer than for a new one, so the promise is nearly that of images set aside (the
    jackknife; Barber, Candès, Ramdas and Tibshirani, 2021, arXiv:1905.02928).

    Returns:
        The threshold; the rate that it aims at, which is the target or the lowest that so few images can promise; and
        how many images it saw.
    """
    calibration = run.scores_of(column)[holdout_of(study).split.calibration]
    left_out = run.arrays("left_out", column).get("scores", np.empty(0))
    seen = np.r_[calibration, left_out]
    alpha = max(study.params.target_fpr, float(np.nextafter(1 / (len(seen) + 1), 1)))
    threshold = thresholds.choose("target_fpr", alpha=alpha, calibration=seen)
    if len(left_out):
        words = f"{len(calibration):,} calibration images and {len(left_out):,} images fitted on, each left out in turn"
        threshold = replace(threshold, saw=words)
    return threshold, alpha, len(seen)


def choose(study: Study, run: Run, rows: Sequence[Row]) -> dict[str, Any] | None:
    """The detector to use: the best on the validation set, shortcuts left out; None without a validation set.

    The calibration set helped to choose the detector, which makes its threshold a little optimistic. What came of it is
    counted on the test set.

    Returns:
        `row`; `threshold` (`lib.evaluation.thresholds.Threshold`); `alpha`, the false positive rate that it aims at;
        `calibration`, how many images it saw; and `at`, the figures at it on the test set.
    """
    able = [row for row in rows if row["family"] != "shortcut"]
    holdout = holdout_of(study)
    if not len(holdout.split.labelled):
        return None
    row, test = best(able), holdout.split.test
    threshold, alpha, count = calibrate(study, run, row["column"])
    at = metrics.at_threshold(study.labels[test], run.scores_of(row["column"])[test], threshold.value)
    return {"row": row, "threshold": threshold, "alpha": alpha, "calibration": count, "at": at}


def record(
    run: Run, verdicts: Sequence[Mapping[str, Any]], noise: float | None, choice: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What `metrics.json` keeps of a comparison besides the leaderboard, under `comparison`."""
    figures: dict[str, Any] = {
        "recommendations": {row["recommendation"]: dict(row) for row in verdicts},
        "noise": noise,
        "latent": {fit["label"]: latent_use(run, column) for column, fit in vaes(run).items()},
    }
    if choice is not None:
        figures["choice"] = {
            "column": choice["row"]["column"],
            "detector": choice["row"]["name"],
            "threshold": threshold_record(choice["threshold"]),
            "aimed_at": choice["alpha"],
            "at": choice["at"],
        }
    return {"comparison": figures}
