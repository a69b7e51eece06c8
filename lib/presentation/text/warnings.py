"""A sentence for each kind of warning; see `lib.evaluation.warnings`."""

from collections.abc import Mapping
from typing import Any

from lib.core.formatting import count, listed, percent
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import area, detector_name, interval


def warning(record: Mapping[str, Any]) -> str:
    """The sentence of a warning, of its kind; Markdown."""
    return _SENTENCES[record["kind"]](record)


def _no_anomalies(record: Mapping[str, Any]) -> str:
    return (
        "**No anomaly was available to test on.** The false alarm rate is measured; how many anomalies the detector "
        "misses is not known."
    )


def _unreadable(record: Mapping[str, Any]) -> str:
    return (
        f"**{record['count']:,} of {count(record['of'], 'file')} could not be read** and "
        f"{'is' if record['count'] == 1 else 'are'} left out; see [the first chapter](01_exploration.ipynb)."
    )


def _no_better_than_chance(record: Mapping[str, Any]) -> str:
    return (
        f"**The detector may be no better than chance.** The AUROC of {literal(detector_name(record['detector']))} is "
        f"{area(record['auroc']['value'])} ({interval(record['auroc'])}); chance is 0.5."
    )


def _nothing_held_out(record: Mapping[str, Any]) -> str:
    return (
        "**Chapters 3 to 5 test on images that were fitted on**, by the study's protocol: "
        f"{count(record['seen'], 'normal image')} in all. The answer above does not: its detector was fitted without "
        f"the {count(record['unseen'], 'normal image')} that it was tested on."
    )


def _shortcut(record: Mapping[str, Any]) -> str:
    return (
        f"**A shortcut separates the classes**: {literal(record['name'])} alone, without the content of the images, "
        f"has an AUROC of {area(record['auroc']['value'])}. Detectors may use the same cue, which new images need not "
        "have."
    )


def _near_duplicates(record: Mapping[str, Any]) -> str:
    be = "is a near-duplicate" if record["count"] == 1 else "are near-duplicates"
    return (
        f"**{record['count']:,} of {count(record['of'], 'anomaly', 'anomalies')} {be} of normal images.** Their labels "
        "may be wrong; no detector can separate them from the normal images."
    )


def _few_calibration(record: Mapping[str, Any]) -> str:
    return (
        f"**Too few calibration images for the target.** A false alarm rate of {percent(record['target'])} needs at "
        f"least {record['needed']:,} calibration images and there are {record['images']:,}. The threshold is set for "
        f"{percent(record['alpha'])}, the lowest rate that so few can promise."
    )


def _few_normal_images(record: Mapping[str, Any]) -> str:
    return f"**The false alarm rate is known only roughly**: the test set has {count(record['count'], 'normal image')}."


def _one_decision_for_all(record: Mapping[str, Any]) -> str:
    image = "normal image" if record["flags"] == "every" else "anomaly"
    return (
        f"**The {literal(detector_name(record['detector']))} flags {record['flags']} {image}** at its threshold of "
        f"{record['threshold']:.4g}, so its decisions carry no information."
    )


def _posterior_collapse(record: Mapping[str, Any]) -> str:
    one = len(record["detectors"]) == 1
    return (
        f"**The posterior of {'the ' if one else ''}{listed(record['detectors'])} has collapsed**: almost nothing "
        f"passes through {'its' if one else 'their'} latent vector."
    )


def _falling_loss(record: Mapping[str, Any]) -> str:
    return (
        f"**The loss of the {detector_name(record['detector'])} was still falling** when its {record['epochs']:,} "
        f"epochs ended: by {percent(record['decrease'])} over the last four. More epochs may change its results."
    )


_SENTENCES = {
    "no_anomalies": _no_anomalies,
    "unreadable": _unreadable,
    "no_better_than_chance": _no_better_than_chance,
    "nothing_held_out": _nothing_held_out,
    "shortcut": _shortcut,
    "near_duplicates": _near_duplicates,
    "few_calibration": _few_calibration,
    "few_normal_images": _few_normal_images,
    "one_decision_for_all": _one_decision_for_all,
    "posterior_collapse": _posterior_collapse,
    "falling_loss": _falling_loss,
}
