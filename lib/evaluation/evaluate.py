"""What a study's scores are worth: at its threshold, against cheap detectors, on images held out, class by class.

Everything here reads scores that `lib.study.study` left in the run folder, lays its figures into `metrics.json`, and
judges on the study's test part alone.
"""

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.core import cache, paths
from lib.evaluation import metrics, thresholds
from lib.evaluation.thresholds import Threshold
from lib.study.run import Run
from lib.study.study import Study

VALIDATION = 0.2  # share of the anomalies set aside to choose detectors by


def threshold(study: Study, run: Run, name: str) -> Threshold:
    """The threshold of a detector by the study's rule, which is shown the calibration and validation parts only."""
    scores = run.scores()[name].to_numpy()
    divided, chosen = study.split, study.params
    labelled = np.r_[divided.calibration, divided.validation].astype(int)
    return thresholds.choose(
        chosen.threshold_rule,
        threshold=chosen.threshold,
        alpha=chosen.target_fpr,
        cost_miss=chosen.cost_miss,
        cost_false_alarm=chosen.cost_false_alarm,
        prevalence=chosen.prevalence,
        calibration=scores[divided.calibration],
        validation=(study.labels[labelled], scores[labelled]) if len(divided.validation) else None,
    )


def judge(study: Study, run: Run, name: str, sweep: list[float] | None = None) -> dict[str, Any]:
    """Judges a detector at the study's threshold and, where given, at those of a sweep.

    Args:
        study: the study.
        run: holds the detector's scores; its `metrics.json` takes the figures.
        name: the detector.
        sweep: further thresholds.

    Returns:
        What `lib.evaluation.metrics.judge` says of the ranking; `threshold` (`value`, `rule`, `saw`); `at`, the figures at it;
        and `thresholds`, the figures at each by its shortest decimal form.
    """
    line = threshold(study, run, name)
    labels, scores = study.test(run, name)
    wanted = [line.value, *(sweep or [])]
    record = {
        **metrics.judge(labels, scores),
        "threshold": {"value": line.value, "rule": line.rule, "saw": line.saw},
        "thresholds": {f"{each:g}": metrics.at_threshold(labels, scores, each) for each in wanted},
    }
    run.update_metrics({"detectors": {name: record}})
    return record | {"at": metrics.at_threshold(labels, scores, line.value)}


def apart(study: Study) -> Study:
    """The study itself if it holds images out, else the same under the protocol `holdout`.

    A study that has refinements to choose from also needs a labelled part to choose by: a choice among many detectors
    made on the images that judge them would flatter the one chosen. Where it names no share, it is `VALIDATION`.
    """
    share = study.params.validation_share or (VALIDATION if study.params.refines else 0.0)
    if study.params.protocol == "holdout" and share == study.params.validation_share:
        return study
    return Study.open(study.params.model_copy(update={"protocol": "holdout", "validation_share": share}))


def companions(study: Study) -> list[str]:
    """Makes the fits that later pages compare with, so that those only read: what each is, and whether it was kept.

    They are the autoencoder fitted with images held out, where the study holds none out; with each further seed; and
    in float32, where the study computes in mixed precision.
    """
    made = []
    if study.params.protocol != "holdout":
        apart(study).scores("autoencoder")
        made.append("with images held out")
    for seed in study.params.seeds:
        study.scores("autoencoder", seed)
        made.append(f"with seed {seed}")
    if study.params.precision != "float32":
        exact(study).scores("autoencoder")
        made.append("in float32")
    return made


def exact(study: Study) -> Study:
    """The same study computed in float32."""
    return replace(study, params=study.params.model_copy(update={"precision": "float32"}))


def precision(study: Study, run: Run, name: str = "autoencoder") -> dict[str, Any] | None:
    """What mixed precision does to a detector; None where the study computes in float32.

    Returns:
        `auroc` and `exact` (in float32), `difference` (of the two, paired), and `seconds` of fit and scores, of each.
    """
    if study.params.precision == "float32":
        return None
    labels, scores = study.test(run, name)
    other = exact(study)
    by_exact = other.scores(name)[study.split.test]
    record = {
        "auroc": metrics.auroc(labels, scores),
        "exact": metrics.auroc(labels, by_exact),
        "difference": metrics.auroc_difference(labels, scores, by_exact),
        "seconds": {study.params.precision: study.seconds(name), "float32": other.seconds(name)},
    }
    run.update_metrics({"precision": {name: record}})
    return record


def references(study: Study, run: Run, name: str = "autoencoder") -> dict[str, dict[str, Any]]:
    """A detector beside cheap ones and shortcuts, all fitted on the same images and judged on images held out.

    A nearest neighbour knows the images that it was fitted on by heart, so nothing else would be a comparison.

    Returns:
        The detector first, then the reference detectors by printed name: `auroc`, `aupr`, `aupr_normal`,
        `fpr_at_95_tpr`, `difference` (AUROC minus the detector's, paired; not for the detector), `seconds` (fitting and
        scoring all images) and `shortcut` (whether it looks at what has nothing to do with the content).
    """
    from lib.detectors import baselines

    held = apart(study)
    labels, own = held.labels[held.split.test], held.scores(name)[held.split.test]
    records = {name: {**metrics.judge(labels, own), "seconds": held.seconds(name), "shortcut": False}}
    for other in baselines.REFERENCES:
        scores, seconds = reference_scores(held, other)
        judged = scores[held.split.test]
        records[other] = {
            **metrics.judge(labels, judged),
            "difference": metrics.auroc_difference(labels, judged, own),
            "seconds": seconds,
            "shortcut": other in baselines.SHORTCUTS,
        }
    run.update_metrics({"references": records})
    return records


@dataclass(frozen=True)
class HeldOut:
    """A detector on normal images that it was fitted on, and on others.

    Attributes:
        own: AUROC against the normal images that it was fitted on.
        new: AUROC against normal images held out.
        fitted: how many it was fitted on.
        unseen: how many were held out and judged.
    """

    own: dict[str, float]
    new: dict[str, float]
    fitted: int
    unseen: int


def held_out(study: Study, run: Run, name: str = "autoencoder") -> HeldOut:
    """Sets a detector's AUROC on normal images held out beside that on images it was fitted on.

    Under `resubstitution` nothing is held out, so the same detector is fitted again under `holdout`.
    """
    held = apart(study)
    scores = held.scores(name)
    anomalies, fit, unseen = scores[held.anomalies], scores[held.split.fit], scores[held.normal]
    found = HeldOut(_auroc(fit, anomalies), _auroc(unseen, anomalies), len(fit), len(unseen))
    run.update_metrics({"held_out": {name: {"fitted": found.own, "unseen": found.new}}})
    return found


def by_class(study: Study, run: Run, name: str, at: float) -> pd.DataFrame:
    """Each class of anomalies: how many, how many are caught, how well they rank; hardest first."""
    labels, scores = study.test(run, name)
    classes = study.images.table["class_name"].to_numpy()[study.split.test]
    frame = metrics.by_class(labels, scores, classes, at)
    with cache.replacing(run.folder / "classes.csv") as temporary:
        frame.to_csv(temporary, index=False)
    return frame


def seeds(study: Study, run: Run, name: str = "autoencoder") -> dict[int, float]:
    """AUROC by seed: the study's own and the further ones it names, fitted and judged on the same images."""
    labels, scores = study.test(run, name)
    values = {study.params.seed: metrics.auroc(labels, scores)["value"]}
    for seed in study.params.seeds:
        values[seed] = metrics.auroc(labels, study.scores(name, seed)[study.split.test])["value"]
    run.update_metrics({"seeds": {name: {str(seed): value for seed, value in values.items()}}})
    return values


def parts(study: Study) -> dict[str, int]:
    """How many images each part has, as `lib.presentation.text.protocol` takes them."""
    divided = study.split
    return {
        "fit": len(divided.fit),
        "calibration": len(divided.calibration),
        "validation": len(divided.validation),
        "normal": len(study.normal),
        "anomalies": len(study.anomalies),
        "dropped": len(divided.dropped),
    }


def _auroc(normal: np.ndarray, anomalies: np.ndarray) -> dict[str, float]:
    labels = np.r_[np.zeros(len(normal), int), np.ones(len(anomalies), int)]
    return metrics.auroc(labels, np.r_[normal, anomalies])


def reference_scores(study: Study, name: str) -> tuple[np.ndarray, float]:
    """Scores of every image by a reference detector fitted on the study's fit part, and its seconds; kept."""
    code = cache.files_key(list((paths.ROOT / "lib" / "detectors" / "reference").glob("*.py")))
    ids = study.images.table["id"].to_numpy()[study.split.fit].tolist()
    versions = [metadata.version(package) for package in ("numpy", "scikit-learn", "scikit-image")]
    key = cache.content_key(name, study.images.fingerprint, ids, code, versions)

    def make(folder: Path) -> None:
        from lib.detectors import baselines

        scores, seconds = baselines.fit_and_score(name, study.images.images, study.images.table, study.split.fit)
        np.save(folder / "scores.npy", scores)
        cache.write_json(folder / "seconds.json", {"seconds": round(seconds, 2)})

    folder = cache.cached("references", key, make)
    record = cache.read_json(folder / "seconds.json")
    return np.load(folder / "scores.npy"), record["seconds"]
