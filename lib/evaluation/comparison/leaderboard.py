"""The leaderboard: every detector of a study, evaluated on the same images by the same code."""

from typing import Any

import numpy as np

from lib.evaluation import metrics
from lib.evaluation.evaluate import leaderboard_column, seconds, seed_columns
from lib.study import Run, Study, holdout_of

Row = dict[str, Any]


def leaderboard(study: Study, run: Run) -> list[Row]:
    """A row for each detector of the run, the baseline first; see `lib.evaluation.comparison`.

    All are evaluated on the test set of the study, or of its division with images held out where it holds none out.
    Where the test set has no anomalies, no metric of the ranking exists, and all of them are None.
    A shortcut that is the same for every image is left out.
    """
    holdout, scores = holdout_of(study), run.scores()
    test = holdout.split.test
    labels = study.labels[test]
    baseline = leaderboard_column(run)
    own = scores[baseline].to_numpy()[test]
    rows = []
    for column, fit in run.fits("leaderboard").items():
        values = scores[column].to_numpy()
        tested = values[test]
        if fit["family"] == "shortcut" and not np.ptp(tested):  # such as the file size of images without files
            continue
        if not len(holdout.anomalies):
            record = dict.fromkeys(("auroc", "fpr_at_95_tpr"))
        elif fit["score"] in ("", "mse"):
            record = metrics.ranking_metrics(labels, tested)
        else:  # the intervals of the other metrics take long, and there are many such scores
            record = {
                "auroc": metrics.auroc(labels, tested),
                "fpr_at_95_tpr": metrics.fpr_at_tpr(labels, tested),
            }
        rows.append(
            {
                "column": column,
                "name": fit["label"],
                **{key: fit[key] for key in ("family", "kind", "changes", "score")},
                "validation": validation_auroc(holdout, values),
                **record,
                "difference": _difference(labels, tested, own) if column != baseline else None,
                "seconds": seconds(fit),
            }
        )
    kept = run.update_metrics({"leaderboard": {row["column"]: row for row in rows}})["leaderboard"]
    return [kept[row["column"]] for row in rows]


def _difference(labels: np.ndarray, scores: np.ndarray, others: np.ndarray) -> metrics.Metric | None:
    """The paired difference of two AUROCs; None where a class has too few images to say how exact it is."""
    return metrics.auroc_difference(labels, scores, others) if min(np.bincount(labels, minlength=2)) > 1 else None


def validation_auroc(study: Study, scores: np.ndarray) -> float | None:
    """AUROC on the validation set; None where the study has none."""
    validation = study.split.validation
    return metrics.auroc(study.labels[validation], scores[validation])["value"] if len(validation) else None


def noise(study: Study, run: Run) -> float | None:
    """How far two fits of the published autoencoder differ in AUROC by their seeds alone: twice their deviation.

    The standard deviation of a difference of two is √2 times that of one, estimated from the study's seeds; None where
    it names no further seeds.
    """
    test = holdout_of(study).split.test
    baseline = leaderboard_column(run)
    columns = [baseline, *seed_columns(run, held_out=True)]
    if len(columns) < 2:
        return None
    values = [metrics.auroc(study.labels[test], run.scores_of(column)[test])["value"] for column in columns]
    return float(2 * np.sqrt(2) * np.std(values, ddof=1))
