"""What limits the answer of a report: facts of the whole run that a reader has to know before using a detector."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lib.detectors import BASELINE, PUBLISHED
from lib.evaluation import evaluate
from lib.evaluation.thresholds import decide, images_needed
from lib.study import Run, Study, holdout_of

FALLING = 0.02  # relative decrease of a loss over four epochs, above which the fit has not converged
FEW_NORMAL = 100  # test images; with fewer normal ones no false alarm rate is known to a few points
COLLAPSED = "posterior collapse"

Warning = dict[str, Any]


def warnings(study: Study, run: Run, rows: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[Warning]:
    """Collect the warnings of a run, most serious first.

    Args:
        study: The study.
        run: Its run; `metrics.json` takes the list, under `warnings`.
        rows: Of the leaderboard.
        answer: What `lib.evaluation.comparison.answer` returns.

    Returns:
        A mapping each: `kind`, and the numbers that its sentence needs. The kinds, with the functions that find them,
        are `no_anomalies`, `no_better_than_chance`, `nothing_held_out`, `shortcut`, `near_duplicates`, `unreadable`,
        `few_calibration`, `few_normal_images`, `one_decision_for_all`, `posterior_collapse` and `falling_loss`.
    """
    holdout = holdout_of(study)
    found = [
        *_no_anomalies(holdout),
        *_no_better_than_chance(answer),
        *_nothing_held_out(study, holdout),
        *_shortcut(rows, answer),
        *_near_duplicates(study),
        *_unreadable(study),
        *_few_calibration(answer),
        *_few_normal_images(holdout),
        *_one_decision_for_all(study, run),
        *_posterior_collapse(run),
        *_falling_loss(run),
    ]
    return run.update_metrics({"warnings": found})["warnings"]


def recent_decrease(loss: Sequence[float]) -> float | None:
    """Relative decrease of the loss over the last four epochs; None for fewer than five epochs."""
    return 1 - loss[-1] / loss[-5] if len(loss) >= 5 and loss[-5] > 0 else None


def _no_anomalies(holdout: Study) -> Iterator[Warning]:
    if not len(holdout.anomalies):
        yield {"kind": "no_anomalies"}


def _unreadable(study: Study) -> Iterator[Warning]:
    if files := study.images.unreadable:
        yield {"kind": "unreadable", "count": len(files), "of": len(files) + len(study.images)}


def _no_better_than_chance(answer: Mapping[str, Any]) -> Iterator[Warning]:
    auroc = answer["row"]["auroc"]
    if auroc and auroc["low"] <= 0.5:
        yield {"kind": "no_better_than_chance", "detector": answer["row"]["name"], "auroc": auroc}


def _nothing_held_out(study: Study, holdout: Study) -> Iterator[Warning]:
    """The published protocol tests on images that were fitted on; the first page answers with others."""
    if study.split.seen:
        yield {"kind": "nothing_held_out", "seen": study.split.seen, "unseen": len(holdout.normal)}


def _shortcut(rows: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> Iterator[Warning]:
    """A shortcut that ranks better than the published autoencoder, or as well as the detector of the answer."""
    shortcuts = [row for row in rows if row["family"] == "shortcut" and row["difference"]]
    best = max(shortcuts, key=lambda row: row["auroc"]["value"], default=None)
    own = answer["row"]["auroc"]
    if best and own and (best["difference"]["low"] > 0 or best["auroc"]["value"] >= own["value"]):
        yield {"kind": "shortcut", "name": best["name"], "auroc": best["auroc"]}


def _near_duplicates(study: Study) -> Iterator[Warning]:
    """Anomalies that show the same picture as a normal image."""
    anomaly = study.labels == 1
    if count := int(np.isin(study.groups[anomaly], study.groups[~anomaly]).sum()):
        yield {"kind": "near_duplicates", "count": count, "of": int(anomaly.sum())}


def _few_calibration(answer: Mapping[str, Any]) -> Iterator[Warning]:
    """Fewer calibration images than the target false alarm rate needs."""
    target, alpha = answer["target"], answer["alpha"]
    if target is not None and alpha > target:
        yield {
            "kind": "few_calibration",
            "images": answer["calibration"],
            "needed": images_needed(target),
            "target": target,
            "alpha": alpha,
        }


def _few_normal_images(holdout: Study) -> Iterator[Warning]:
    if (count := len(holdout.normal)) < FEW_NORMAL:
        yield {"kind": "few_normal_images", "count": count}


def _one_decision_for_all(study: Study, run: Run) -> Iterator[Warning]:
    """Detectors of the study whose threshold flags every normal image, or no anomaly."""
    for name in [name for name in PUBLISHED if name in run.fits()]:
        threshold = evaluate.threshold(study, run, name).value
        scores = run.scores_of(name)
        if decide(scores[study.normal], threshold).all():
            yield {"kind": "one_decision_for_all", "detector": name, "threshold": threshold, "flags": "every"}
        elif not decide(scores[study.anomalies], threshold).any():
            yield {"kind": "one_decision_for_all", "detector": name, "threshold": threshold, "flags": "no"}


def _posterior_collapse(run: Run) -> Iterator[Warning]:
    latent = run.read("metrics").get("comparison", {}).get("latent", {})
    if names := [name for name, record in latent.items() if COLLAPSED in record["alarms"]]:
        yield {"kind": "posterior_collapse", "detectors": names}


def _falling_loss(run: Run) -> Iterator[Warning]:
    loss = run.history(BASELINE).get("loss", [])
    decrease = recent_decrease(loss)
    if decrease is not None and decrease > FALLING:
        yield {"kind": "falling_loss", "detector": BASELINE, "epochs": len(loss), "decrease": decrease}
