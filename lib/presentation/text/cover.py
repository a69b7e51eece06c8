"""What a report's cover says."""

from collections.abc import Mapping
from typing import Any

from lib.params import Parameters
from lib.presentation.text.terms import NAMES, against, count, listed, percent


def description(params: Parameters) -> str:
    """What the study asks, in a sentence for the cover."""
    return (
        f"Images of class {params.normal_class} are normal. Can a detector that has seen nothing else tell that every "
        "other image is not?"
    )


def headline(params: Parameters, figures: Mapping[str, Any]) -> list[str]:
    """The main results of a run, one sentence each, from its `metrics.json`."""
    lines = []
    for name, record in figures["detectors"].items():
        line = record["threshold"]["value"]
        result = record["thresholds"][f"{line:g}"]
        anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
        accuracy = result["accuracy"]
        lines.append(
            f"**{NAMES.get(name, name)}**: AUROC {record['auroc']['value']:.4f}; at the threshold of "
            f"{line:.4g} it catches {result['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and "
            f"raises {count(result['fp'], 'false alarm')} on {count(normals, 'normal image')} (accuracy "
            f"{accuracy['value']:.4f}, {against(accuracy)})."
        )
    kept = "every judged image was held out" if params.protocol == "holdout" else "no normal image was held out"
    lines.append(f"Judged under the protocol `{params.protocol}`: {kept}.")
    if "held_out" in figures:
        for name, both in figures["held_out"].items():
            lines.append(
                f"AUROC of the {NAMES.get(name, name)} on normal images held out: {both['unseen']['value']:.4f}; on "
                f"those fitted on: {both['fitted']['value']:.4f}."
            )
    if "references" in figures:
        cheap = {name: record for name, record in figures["references"].items() if name != "autoencoder"}
        best = max(cheap, key=lambda name: cheap[name]["auroc"]["value"])
        lines.append(
            f"Best of the cheap reference detectors: {best}, AUROC {cheap[best]['auroc']['value']:.4f}"
            + (", a shortcut that looks at nothing in the picture." if cheap[best]["shortcut"] else ".")
        )
    if "refinements" in figures:
        lines += _refined(figures["refinements"])
    return lines


def _refined(figures: Mapping[str, Any]) -> list[str]:
    """What came of the recommendations, of other networks and scores, and what is recommended instead."""
    lines = []
    verdicts = [row["verdict"] for row in figures["recommendations"].values()]
    told = {"helped": "helped", "within noise": "made no difference beyond noise", "hurt": "hurt"}
    if tried := [verdict for verdict in verdicts if verdict in told]:
        came = listed([f"{tried.count(verdict)} {words}" for verdict, words in told.items()])
        lines.append(f"Of {count(len(tried), 'recommendation')} of the published study that were tried, {came}.")
    judged = figures["judged"]
    ours = {name: row for name, row in judged.items() if row["family"] == "autoencoder" and row["difference"]}
    if ours:
        best = max(ours, key=lambda name: ours[name]["validation"])
        auroc, more = ours[best]["auroc"], ours[best]["difference"]
        lines.append(
            f"Best of {len(ours):,} other networks and scores of an autoencoder, chosen on a validation part: {best}, "
            f"AUROC {auroc['value']:.4f} on images held out ({more['value']:+.4f} against the published one, 95 % "
            f"interval {more['low']:+.4f} to {more['high']:+.4f})."
        )
    choice = figures["choice"]
    at = choice["at"]
    lines.append(
        f"**Recommended, chosen on a validation part**: {choice['detector']}, AUROC "
        f"{judged[choice['detector']]['auroc']['value']:.4f} on images held out; at its threshold it catches "
        f"{at['tp']:,} of {count(at['tp'] + at['fn'], 'anomaly', 'anomalies')} and raises "
        f"{count(at['fp'], 'false alarm')} on {count(at['fp'] + at['tn'], 'normal image')} "
        f"({percent(at['fpr']['value'])}, aimed at {percent(choice['aimed_at'])})."
    )
    return lines
