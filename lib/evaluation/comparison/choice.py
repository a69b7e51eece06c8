"""The answer of a report: which detector to use on this data, and at which threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lib import detectors
from lib.core import traced
from lib.detectors import BASELINE
from lib.evaluation import evaluate, metrics, thresholds
from lib.evaluation.comparison.latent import latent_use, vaes
from lib.evaluation.comparison.leaderboard import Row, validation_auroc
from lib.evaluation.evaluate import leaderboard_column, seconds, threshold_record
from lib.evaluation.thresholds import Threshold
from lib.study import METRICS, Run, Study, holdout_of


def best(rows: Sequence[Row]) -> Row:
    """The row with the highest AUROC on the validation set; of equals the quickest, or the first without times."""
    return max(rows, key=lambda row: (row["validation"] or 0.0, -(row["seconds"] or 0.0)))


def best_of_families(rows: Sequence[Row]) -> dict[str, Row]:
    """The best row of each family, by family."""
    return {family: best([row for row in rows if row["family"] == family]) for family in _families(rows)}


def _families(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["family"] for row in rows))


def candidates(holdout: Study, run: Run, scores: Mapping[str, np.ndarray]) -> list[Row]:
    """What `best` needs of every detector of the leaderboard but shortcuts, which no reader would use.

    Args:
        holdout: The study, holding images out.
        run: Its run.
        scores: Of every image, by column.
    """
    return [
        {
            "column": column,
            "family": fit["family"],
            "validation": validation_auroc(holdout, np.asarray(scores[column])),
            "seconds": seconds(fit),
        }
        for column, fit in run.fits("leaderboard").items()
        if fit["family"] != "shortcut"
    ]


def deciding(study: Study, run: Run, rows: Sequence[Row]) -> str:
    """The column of the detector that a report answers with.

    It is the best one on the validation set, where there is one and the parameter set names none; else the one that it
    names; else the published autoencoder, or the first of the detectors of a folder.

    Args:
        study: The study.
        run: Its run.
        rows: Of `candidates`, or of the leaderboard without shortcuts.
    """
    if _chooses(study):
        return best(rows)["column"]
    return detectors.leading(study.params) if study.params.inspects else leaderboard_column(run)


def _chooses(study: Study) -> bool:
    """Whether labels choose the detector: there is a validation set, and the parameter set names no detector."""
    return bool(len(holdout_of(study).split.validation)) and study.params.detector in ("auto", BASELINE)


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


def answer(study: Study, run: Run, rows: Sequence[Row]) -> dict[str, Any]:
    """The detector and the threshold that the report answers with, and what came of them on images held out.

    The detector is that of `deciding`. Its threshold is calibrated, but for the published autoencoder, which has the
    threshold of the study's rule where nothing is chosen. The choice sees the validation set, the threshold the
    calibration set, and `at` the test set; no image is in two of them.

    Returns:
        `row`; `chosen`, whether it was chosen among others; `tied`, how many are as good on the validation set, of
        which `best` takes one; `threshold`, a `lib.evaluation.thresholds.Threshold`; `target`, the false positive
        rate that it should keep to, and `alpha`, the one that it aims at, which is higher where so few calibration
        images cannot promise the target (both None for rules that aim at none); `calibration`, how many images the
        threshold saw; `at`, the figures at it on the test set; and `precision_in_use`, of
        `lib.evaluation.metrics.precision_in_use` at the study's prevalence.
    """
    holdout, params = holdout_of(study), study.params
    test, able = holdout.split.test, [row for row in rows if row["family"] != "shortcut"]
    column = deciding(study, run, able)
    row = next(row for row in able if row["column"] == column)
    chosen = _chooses(study)
    tied = sum(other["validation"] == row["validation"] for other in able) if chosen else 1
    if chosen or params.inspects:
        threshold, alpha, count = calibrate(study, run, column)
    else:
        threshold, count = evaluate.threshold(holdout, run, row["column"]), len(holdout.split.calibration)
        alpha = params.target_fpr if threshold.rule == "target_fpr" else None
    at = metrics.at_threshold(study.labels[test], run.scores_of(row["column"])[test], threshold.value)
    record = {
        "row": row,
        "chosen": chosen,
        "tied": tied,
        "threshold": replace(threshold, value=traced.traced(threshold.value, f"{METRICS}/answer/threshold/value")),
        "target": None if alpha is None else params.target_fpr,
        "alpha": alpha,
        "calibration": count,
        "at": at,
        "precision_in_use": metrics.precision_in_use(at["recall"], at["fpr"], params.prevalence),
    }
    return traced.trace(record, f"{METRICS}/answer")


def record(
    run: Run, verdicts: Sequence[Mapping[str, Any]], noise: float | None, answer: Mapping[str, Any]
) -> dict[str, Any]:
    """What `metrics.json` keeps of a comparison besides the leaderboard: `comparison`, and `answer`, see `answer`."""
    row, threshold = answer["row"], answer["threshold"]
    kept = {key: answer[key] for key in ("chosen", "tied", "target", "alpha", "calibration", "at", "precision_in_use")}
    return {
        "comparison": {
            "recommendations": {row["recommendation"]: dict(row) for row in verdicts},
            "noise": noise,
            "latent": {fit["label"]: latent_use(run, column) for column, fit in vaes(run).items()},
        },
        "answer": {
            "column": row["column"],
            "detector": row["name"],
            "family": row["family"],
            "auroc": row["auroc"],
            "threshold": threshold_record(threshold),
            **kept,
        },
    }
