"""Sentences on the cover of a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lib.core.formatting import count, listed, percent, signed
from lib.params import Parameters
from lib.presentation.text.terms import against_trivial, detector_name, interval


def description(params: Parameters) -> str:
    """The question of the study, in one sentence."""
    return (
        f"Images of class {params.normal_class} are normal. Can a detector that is fitted on such images alone detect "
        "images of other classes as anomalies?"
    )


def headline(params: Parameters, figures: Mapping[str, Any]) -> list[str]:
    """The main results of a run, one sentence each.

    Args:
        params: The study's parameters.
        figures: The run's `metrics.json`.
    """
    lines = []
    for name, record in figures["detectors"].items():
        threshold = record["threshold"]["value"]
        result = record["thresholds"][f"{threshold:g}"]
        lines.append(
            f"**{detector_name(name)}**: AUROC {record['auroc']['value']:.4f} on the test set; at the threshold of "
            f"{threshold:.4g} it detects {_decisions(result)} (accuracy {result['accuracy']['value']:.4f}, "
            f"{against_trivial(result['accuracy'])})."
        )
    held_out = "no test image was fitted on" if params.protocol == "holdout" else "no normal image is held out"
    lines.append(f"Protocol `{params.protocol}`: {held_out}.")
    for name, both in figures.get("held_out", {}).items():
        lines.append(
            f"AUROC of the {detector_name(name)} against normal images held out: {both['unseen']['value']:.4f}; "
            f"against normal images fitted on: {both['fitted']['value']:.4f}."
        )
    rows = list(figures.get("leaderboard", {}).values())
    if baselines := [row for row in rows if row["family"] in ("baseline", "shortcut")]:
        best = max(baselines, key=lambda row: row["auroc"]["value"])
        shortcut = ", a shortcut that does not use the content of an image" if best["family"] == "shortcut" else ""
        lines.append(f"Best baseline: {best['name']}, AUROC {best['auroc']['value']:.4f} on held-out images{shortcut}.")
    return [*lines, *_alternatives(rows, figures.get("comparison", {}))]


def _alternatives(rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Any]) -> Iterator[str]:
    """The results of the recommendations, of other networks and scores, and of the recommended detector."""
    verdicts = [record["verdict"] for record in figures.get("recommendations", {}).values()]
    words = {"helped": "helped", "within noise": "made no difference beyond noise", "hurt": "hurt"}
    if tried := [verdict for verdict in verdicts if verdict in words]:
        results = listed([f"{tried.count(verdict)} {word}" for verdict, word in words.items()])
        yield f"Of {count(len(tried), 'recommendation')} of the published study that were tested, {results}."
    if networks := [row for row in rows if row["score"] and row["difference"] and row["validation"] is not None]:
        best = max(networks, key=lambda row: row["validation"])
        change = best["difference"]
        yield (
            f"Best of {len(networks):,} other networks and scores on the validation set: {best['name']}, AUROC "
            f"{best['auroc']['value']:.4f} on held-out images ({signed(change['value'])} against the published "
            f"autoencoder, {interval(change, sign=True)})."
        )
    if choice := figures.get("choice"):
        auroc = next(row["auroc"] for row in rows if row["name"] == choice["detector"])
        yield (
            f"**Recommended detector, chosen on the validation set**: {choice['detector']}, AUROC {auroc['value']:.4f} "
            f"on held-out images; at its threshold it detects {_decisions(choice['at'])} (false alarm rate "
            f"{percent(choice['at']['fpr']['value'])}, target {percent(choice['aimed_at'])})."
        )


def _decisions(result: Mapping[str, Any]) -> str:
    """`"90 of 100 anomalies and raises 8 false alarms on 100 normal images"`."""
    anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
    return (
        f"{result['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and raises "
        f"{count(result['fp'], 'false alarm')} on {count(normals, 'normal image')}"
    )
