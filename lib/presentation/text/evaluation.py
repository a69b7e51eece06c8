"""Sentences about a detector's metrics: against trivial decisions, baselines and other fits, and in use."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from lib.core.formatting import count, listed, percent, signed
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import against_trivial, area, detector_name, in_words, interval

INTERVALS = (
    "All intervals are 95 % intervals. Methods: DeLong [@delong1988] in the form of Sun and Xu [-@sun2014] for AUROC "
    "and for differences of AUROC, and Newcombe [@newcombe2006] where the scores separate perfectly or are all equal; "
    "Clopper and Pearson [@clopper1934] for recall and FPR; a bootstrap that resamples normal images and anomalies "
    "separately for AUPR, as a standard error on the logit scale [@boyd2013], and for FPR at a TPR, as percentiles; "
    "draws from the Jeffreys posteriors of recall and FPR [@brown2001] for accuracy, balanced accuracy, precision, F1 "
    "and MCC. The intervals cover the choice of test images, with the same proportion of anomalies. They do not cover "
    "the variation between fits of the detector."
)


def performance(name: str, result: Mapping[str, Any], auroc: Mapping[str, float]) -> str:
    """Accuracy and F1 against trivial decisions, and AUROC, on the test set."""
    anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
    accuracy, f1 = result["accuracy"], result["f1"]
    return (
        f"On the test set ({count(anomalies, 'anomaly', 'anomalies')}, {count(normals, 'normal image')}) the "
        f"{literal(detector_name(name))} has an accuracy of {accuracy['value']:.4f}, {against_trivial(accuracy)}, and "
        f"an F1 of {f1['value']:.4f}, {against_trivial(f1)}. Its AUROC is **{area(auroc['value'])}** "
        f"({interval(auroc)})."
    )


def held_out(fitted: Mapping[str, float], unseen: Mapping[str, float], n_fitted: int, n_unseen: int) -> str:
    """The AUROC on normal images that were fitted on against the AUROC on normal images held out.

    Args:
        fitted: AUROC against the normal images fitted on.
        unseen: AUROC of the same fitted detector against the normal images held out.
        n_fitted: Number of normal images fitted on.
        n_unseen: Number of normal images held out.
    """
    change = fitted["value"] - unseen["value"]
    text = (
        f"Fitted on {count(n_fitted, 'normal image')}, the detector has an AUROC of **{area(unseen['value'])}** "
        f"({interval(unseen)}) against {count(n_unseen, 'normal image')} held out, and of {area(fitted['value'])} "
        f"({interval(fitted)}) against the images that it was fitted on. "
    )
    if fitted["low"] > unseen["high"]:
        return text + (
            f"The intervals do not overlap: on the images fitted on, the AUROC is {change:.3f} too high, since the "
            "detector has memorised some of them."
        )
    return text + f"The intervals overlap, so the difference of {signed(change, 3)} may be chance."


def baselines(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """How baselines and shortcuts compare with a detector on held-out images.

    Args:
        rows: Leaderboard records: `name`, `family`, `auroc` and `difference` (to the detector's AUROC, paired). Other
            families than `baseline` and `shortcut` are left out.
        name: The detector that the others are compared with.
    """
    own = next(row["auroc"] for row in rows if row["name"] == name)
    others = [row for row in rows if row["family"] in ("baseline", "shortcut") and row["name"] != name]
    if not others:
        return ""
    detector = f"the {literal(detector_name(name))}"
    better = [row for row in others if row["difference"]["low"] > 0]
    level = [literal(row["name"]) for row in others if row["difference"]["low"] <= 0 <= row["difference"]["high"]]
    above_chance = [row for row in others if row["family"] == "shortcut" and row["auroc"]["low"] > 0.5]
    best = max(others, key=lambda row: row["auroc"]["value"])
    sentences = [
        f"On held-out images {detector} has an AUROC of {area(own['value'])}; the best of the others, "
        f"{literal(best['name'])}, "
        f"has {area(best['auroc']['value'])}."
    ]
    if better:
        names = listed([literal(row["name"]) for row in better])
        sentences.append(f"**Better than {detector}: {names}**; the 95 % interval of the difference is above 0.")
    else:
        sentences.append(f"None is better than {detector}: no 95 % interval of a difference is above 0.")
    if level:
        sentences.append(f"No clear difference: {listed(level)}.")
    if shortcuts := [literal(row["name"]) for row in better if row["family"] == "shortcut"]:
        be = "is a shortcut" if len(shortcuts) == 1 else "are shortcuts"
        names = listed(shortcuts)
        sentences.append(
            f"**{names[0].upper()}{names[1:]} {be}**: on this data set anomalies can be detected without their content."
        )
    if above_chance:
        values = ", ".join(f"{literal(row['name'])} ({area(row['auroc']['value'])})" for row in above_chance)
        sentences.append(
            f"Shortcuts, which do not use the content of an image, with an AUROC above chance: {values}. Other "
            "detectors may use the same cues."
        )
    return " ".join(sentences)


def seeds(values: Mapping[int, float]) -> str:
    """How much AUROC on the test set varies with the seed."""
    low, high, deviation = min(values.values()), max(values.values()), stdev(values.values())
    return (
        f"Over {count(len(values), 'seed')} the AUROC on the test set is between {area(low)} and {area(high)}, with a "
        f"mean of {area(fmean(values.values()))} and a standard deviation of {deviation:.4f}. A difference between two "
        "fitted detectors that is not clearly larger may be due to the seed."
    )


def dtype_policy(policy: str, record: Mapping[str, Any] | None) -> str:
    """AUROC and run time in mixed precision against float32; empty if the study computes in float32.

    Args:
        policy: The dtype policy of the study.
        record: `auroc` in this policy, `exact` in float32, their `difference`, and `seconds` by policy, or None in
            their place; or None.
    """
    if record is None:
        return ""
    change, seconds = record["difference"], record["seconds"]
    clear = change["low"] > 0 or change["high"] < 0
    text = (
        f"With the dtype policy `{policy}` the AUROC on the test set is {area(record['auroc']['value'])}, in float32 "
        f"{area(record['exact']['value'])}. The difference of {signed(change['value'])} "
        f"({interval(change, sign=True)}) "
        f"{'is more than chance' if clear else 'may be chance'}. "
    )
    if None in seconds.values():
        return text + "Run times are not recorded."
    return text + f"Fitting and scoring took {seconds[policy]:.0f} s, in float32 {seconds['float32']:.0f} s."


def workload(
    name: str,
    row: Mapping[str, float],
    precision: Mapping[str, float],
    prevalence: float,
    seen: int = 0,
    per: int = 1000,
) -> str:
    """Expected counts of decisions in use, at the study's threshold and prevalence.

    Args:
        name: The detector.
        row: Of `lib.evaluation.metrics.operations`.
        precision: What `lib.evaluation.metrics.precision_in_use` returns.
        prevalence: Share of anomalies in use.
        seen: Number of test images that were fitted on.
        per: Number of images.
    """
    text = (
        f"Among {per:,} images of which {percent(prevalence)} are anomalies, {literal(in_words(name))} is expected to "
        f"flag {row['reviewed']:.0f} at the study's threshold: {count(row['caught'], 'anomaly', 'anomalies')} and "
        f"{count(row['false_alarms'], 'false alarm')}. It misses {count(row['missed'], 'anomaly', 'anomalies')}."
    )
    if precision["value"] is not None:
        text += (
            f" Of the flagged images {percent(precision['value'])} are then anomalies (between "
            f"{percent(precision['low'])} and {percent(precision['high'])} by the 95 % intervals of recall and false "
            "alarm rate)."
        )
    if seen:
        text += (
            f" **These figures are too good for new images**: the {count(seen, 'normal image')} of the test set were "
            "fitted on. The first page has the figures on images held out."
        )
    return text
