"""Sentences of an inspection: the detector that decides, its threshold, its decisions, and what it looks at."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from lib.core.formatting import count, percent
from lib.params import Parameters
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import area, in_words, interval, rate
from lib.presentation.text.thresholds import expected_fpr


def inspecting(answer: Mapping[str, Any], params: Parameters) -> str:
    """Which detector decides, why, and where its threshold comes from.

    Args:
        answer: What `lib.evaluation.comparison.answer` returns.
        params: The study's parameters.
    """
    name, threshold = literal(in_words(answer["row"]["name"])), answer["threshold"]
    if answer["chosen"]:
        why = f"It has the highest AUROC on the validation set ({area(answer['row']['validation'])})."
    elif params.detector == "auto":
        why = "There is no validation set to choose by, so it is the usual one; no anomaly took part in that."
    else:
        why = "The parameter file names it."
    return (
        f"This chapter examines {name}. {why} Its threshold of {threshold.value:.4g} comes from {threshold.saw}. "
        f"{expected_fpr(answer['calibration'], answer['target'], answer['alpha'])}"
    )


def inspected(answer: Mapping[str, Any]) -> str:
    """The counts of the decisions on the test set."""
    at = answer["at"]
    anomalies, normals = at["tp"] + at["fn"], at["fp"] + at["tn"]
    alarms = f"{count(at['fp'], 'false alarm')} on {count(normals, 'normal image')}: {rate(at['fpr'])}"
    if not anomalies:
        return f"The test set has no anomalies. On it the detector raises {alarms}."
    return (
        f"On the test set the detector detects **{at['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')}** and "
        f"raises {alarms}. Its AUROC is **{area(answer['row']['auroc']['value'])}** "
        f"({interval(answer['row']['auroc'])})."
    )


def order(frame: pandas.DataFrame) -> str:
    """The classes of anomalies in the order of their median scores, lowest first.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns, of two classes or more.
    """
    ranked = frame.sort_values("median_score")
    lowest, highest = ranked.iloc[0], ranked.iloc[-1]
    return (
        f"Class {literal(str(highest['class']))} has the highest median score ({highest['median_score']:.3g}), class "
        f"{literal(str(lowest['class']))} the lowest ({lowest['median_score']:.3g})."
    )


def shortcut_shares(rows: Sequence[Mapping[str, Any]]) -> str:
    """How much of a detector's AUROC is left among images that are alike in an attribute.

    Args:
        rows: What `lib.evaluation.shortcuts.shares` returns.
    """
    first = rows[0]
    text = (
        f"{first['name'][:1].upper()}{first['name'][1:]} alone has an AUROC of {area(first['auroc']['value'])} "
        f"({interval(first['auroc'])})."
    )
    within = first["within"]
    if within["value"] is None:
        return text + " No anomaly is like a normal image in it, so its share in the result cannot be told apart."
    return text + (
        f" Among images that are alike in it the detector still has an AUROC of **{area(within['value'])}** "
        f"({interval(within)}), against {area(first['whole']['value'])} among all; {percent(within['pairs'])} of the "
        "pairs of an anomaly and a normal image are alike."
    )


def maps(by: str, deciding: str, alpha: float) -> str:
    """What the heat maps of the chapter are, and what their scale means.

    Args:
        by: The detector that draws them.
        deciding: The detector that decides.
        alpha: The false positive rate that the upper end of the scale aims at.
    """
    other = ""
    if by != deciding:
        other = f" They are drawn by {literal(in_words(by))}, as the detector that decides has no heat maps."
    return (
        "Each image has its heat map beside it: bright is where it is unlike all normal images. All heat maps of this "
        f"chapter have one scale, from calibration images: zero is their median, one the value that at most "
        f"{percent(alpha)} of new normal images exceed anywhere.{other}"
    )


def pixels(figures: Mapping[str, Any]) -> str:
    """What the masks are, and how well the heat maps find them."""
    without = figures["without_mask"]
    text = (
        f"{count(figures['images'], 'image')} were measured, with {count(figures['defects'], 'defect')} that cover "
        f"{percent(figures['defect_share'])} of the pixels. The pixel AUROC is "
        f"**{area(figures['pixel_auroc']['value'])}** ({interval(figures['pixel_auroc'])}); AUPRO is "
        f"**{area(figures['aupro']['value'])}** ({interval(figures['aupro'])}). The heat maps are those of "
        f"{literal(in_words(figures['by']))}."
    )
    if without:
        text += f" {count(without, 'anomaly', 'anomalies')} of the test set without a mask took no part."
    return text
