"""What a detector's scores are worth: at its threshold, on images held out, by class, by seed, by arithmetic.

Everything here reads scores from the run folder, evaluates on the study's test set, and writes its figures to
`metrics.json`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib.detectors import BASELINE
from lib.evaluation import metrics, thresholds
from lib.evaluation.thresholds import Threshold
from lib.study import HELD_OUT, Run, Study, holdout_of


def labels_and_scores(study: Study, run: Run, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and a detector's scores of the test set."""
    return study.labels[study.split.test], run.scores_of(name)[study.split.test]


def threshold(study: Study, run: Run, name: str) -> Threshold:
    """The threshold of a detector by the study's rule, which sees the calibration and validation sets only."""
    scores, split, params = run.scores_of(name), study.split, study.params
    validation = split.validation
    return thresholds.choose(
        params.threshold_rule,
        threshold=params.threshold,
        alpha=params.target_fpr,
        cost_miss=params.cost_miss,
        cost_false_alarm=params.cost_false_alarm,
        prevalence=params.prevalence,
        calibration=scores[split.calibration],
        validation=(study.labels[validation], scores[validation]) if len(validation) else None,
    )


def evaluate(study: Study, run: Run, name: str, sweep: list[float] | None = None) -> dict[str, Any]:
    """Evaluates a detector at the study's threshold and, where given, at those of a sweep.

    Args:
        study: the study.
        run: holds the detector's scores; its `metrics.json` takes the figures.
        name: the detector.
        sweep: further thresholds.

    Returns:
        What `metrics.ranking_metrics` says; `threshold` (`value`, `rule`, `saw`); `at`, the figures at it; and
        `thresholds`, the figures at each by its shortest decimal form.
    """
    own = threshold(study, run, name)
    labels, scores = labels_and_scores(study, run, name)
    record = {
        **metrics.ranking_metrics(labels, scores),
        "threshold": threshold_record(own),
        "thresholds": {
            f"{value:g}": metrics.at_threshold(labels, scores, value) for value in [own.value, *(sweep or [])]
        },
        "seconds": run.fits()[name]["seconds"],
    }
    kept = run.update_metrics({"detectors": {name: record}})["detectors"][name]
    return kept | {"at": kept["thresholds"][f"{own.value:g}"]}


def roc_curves(study: Study, run: Run, records: dict[str, dict[str, Any]]) -> dict[str, tuple]:
    """The ROC curve of each detector of which `evaluate` gave a record: FPR, TPR and AUROC, by its label."""
    fits = run.fits()
    return {
        fits[name]["label"]: (*metrics.roc_curve(*labels_and_scores(study, run, name))[:2], record["auroc"])
        for name, record in records.items()
    }


def threshold_record(threshold: Threshold) -> dict[str, Any]:
    """A threshold as JSON keeps it."""
    return {"value": threshold.value, "rule": threshold.rule, "saw": threshold.saw}


def leaderboard_column(run: Run, label: str = "") -> str:
    """The column of a detector's scores that are on the leaderboard, by what pages call it.

    Without a label it is the first detector, which the others are compared with.
    """
    return next(column for column, fit in run.fits("leaderboard").items() if label in ("", fit["label"]))


@dataclass(frozen=True)
class HeldOut:
    """A detector on normal images that it was fitted on, and on others.

    Attributes:
        own: AUROC against the normal images that it was fitted on.
        new: AUROC against normal images held out.
        fitted: how many it was fitted on.
        unseen: how many were held out for the test.
    """

    own: dict[str, float]
    new: dict[str, float]
    fitted: int
    unseen: int


def held_out(study: Study, run: Run, name: str = BASELINE) -> HeldOut:
    """Compares a detector's AUROC on normal images held out with that on the images it was fitted on.

    Under `resubstitution` nothing is held out, so it is the same detector fitted again under `holdout`.
    """
    holdout = holdout_of(study)
    scores = run.scores_of(leaderboard_column(run, name))
    anomalies, fit, unseen = scores[holdout.anomalies], scores[holdout.split.fit], scores[holdout.normal]
    record = {"fitted": _auroc(fit, anomalies), "unseen": _auroc(unseen, anomalies)}
    kept = run.update_metrics({"held_out": {name: record}})["held_out"][name]
    return HeldOut(kept["fitted"], kept["unseen"], holdout.parts["fit"], holdout.parts["normal"])


def dtype_policy(study: Study, run: Run, name: str = BASELINE) -> dict[str, Any] | None:
    """What mixed precision does to a detector; None where the study computes in float32.

    Returns:
        `auroc` and `exact` (in float32), `difference` (of the two, paired), and `seconds` of fit and scores, of each
        (None where times are not recorded).
    """
    if study.params.dtype_policy == "float32":
        return None
    (column, exact), own = next(iter(run.fits("float32").items())), run.fits()[name]
    labels, scores = labels_and_scores(study, run, name)
    in_float32 = run.scores_of(column)[study.split.test]
    record = {
        "auroc": metrics.auroc(labels, scores),
        "exact": metrics.auroc(labels, in_float32),
        "difference": metrics.auroc_difference(labels, scores, in_float32),
        "seconds": {study.params.dtype_policy: seconds(own), "float32": seconds(exact)},
    }
    return run.update_metrics({"dtype_policy": {name: record}})["dtype_policy"][name]


def seconds(fit: dict[str, Any]) -> float | None:
    """Seconds of fitting a detector and of scoring every image, of a record of `Run.fits`; None if not recorded."""
    parts = fit["seconds"]["fit"], fit["seconds"]["score"]
    return None if None in parts else sum(parts)


def seeds(study: Study, run: Run, name: str = BASELINE) -> dict[int, float]:
    """AUROC by seed: the study's own and the further ones it names, fitted and tested on the same images."""
    labels, scores = labels_and_scores(study, run, name)
    values = {study.params.seed: metrics.auroc(labels, scores)["value"]}
    for column, seed in seed_columns(run, held_out=False).items():
        values[seed] = metrics.auroc(*labels_and_scores(study, run, column))["value"]
    kept = run.update_metrics({"seeds": {name: {str(seed): value for seed, value in values.items()}}})["seeds"][name]
    return {seed: kept[str(seed)] for seed in values}


def seed_columns(run: Run, held_out: bool) -> dict[str, int]:
    """The seed of each column of scores by the published autoencoder with a further seed.

    Args:
        run: the run.
        held_out: those that are comparable with the leaderboard; else those under the study's own protocol.
    """
    twins = held_out and any(column.endswith(HELD_OUT) for column in run.fits("leaderboard"))
    return {
        column: fit["options"]["seed"] for column, fit in run.fits("seed").items() if column.endswith(HELD_OUT) == twins
    }


def by_class(study: Study, run: Run, name: str, at: float) -> pd.DataFrame:
    """Each class of anomalies: how many, how many are flagged, how well they rank; hardest first."""
    labels, scores = labels_and_scores(study, run, name)
    frame = metrics.by_class(labels, scores, study.class_names[study.split.test], at)
    run.write_table("classes.csv", frame)
    return run.keep_table("classes", frame)


def _auroc(normal: np.ndarray, anomalies: np.ndarray) -> dict[str, float]:
    labels = np.r_[np.zeros(len(normal), int), np.ones(len(anomalies), int)]
    return metrics.auroc(labels, np.r_[normal, anomalies])
