"""Sentences of the first page: the question, the answer, what it means in use, and what to do next."""

from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.characters import readable
from lib.core.formatting import count, percent
from lib.params import Parameters
from lib.presentation.memo import Box
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import area, in_words, interval, rate

PER = 1000  # images in use that the first page speaks of


def question(params: Parameters, anomalies: int) -> str:
    """The question of the study, which has a number of anomalies to test on; plain text."""
    if not anomalies:
        return (
            f"Images of class {readable(params.normal_class)} are normal. Which new images are unlike them, and how "
            f"many normal images are flagged by mistake?"
        )
    return (
        f"Images of class {readable(params.normal_class)} are normal. Can a detector that is fitted on such images "
        f"alone detect images of other classes as anomalies?"
    )


def answer(answer: Mapping[str, Any]) -> str:
    """Which detector, at which threshold, detects how many anomalies at which false alarm rate.

    Args:
        answer: Of `metrics.json`.
    """
    at, name = answer["at"], literal(in_words(answer["detector"]))
    anomalies, normals = at["tp"] + at["fn"], at["fp"] + at["tn"]
    threshold = f"at a threshold of {answer['threshold']['value']:.4g}"
    opening = f"**Use {name}, {threshold}.**" if answer["chosen"] else f"**The study uses {name}, {threshold}.**"
    if not anomalies:
        return (
            f"{opening} On {count(normals, 'normal image')} that it has not seen, it raises "
            f"{count(at['fp'], 'false alarm')}: {rate(at['fpr'])}. There is no anomaly to test it on, so how many it "
            "misses is not known."
        )
    return (
        f"{opening} On test images that it has not seen, it detects {at['tp']:,} of "
        f"{count(anomalies, 'anomaly', 'anomalies')} and raises {count(at['fp'], 'false alarm')} on "
        f"{count(normals, 'normal image')}: {rate(at['fpr'])}."
    )


def in_use(answer: Mapping[str, Any], prevalence: float) -> str:
    """What the rates mean for a thousand images in use, at the prevalence of the parameter set."""
    recall, fpr, precision = answer["at"]["recall"]["value"], answer["at"]["fpr"], answer["precision_in_use"]
    if recall is None:
        alarms = [PER * fpr[key] for key in ("value", "low", "high")]
        return (
            f"Of {PER:,} normal images in use, about {alarms[0]:.0f} are flagged ({alarms[1]:.0f} to {alarms[2]:.0f} "
            "by the interval of the false alarm rate)."
        )
    anomalies = PER * prevalence
    detected, normal = anomalies * recall, PER - anomalies
    alarms = normal * fpr["value"]
    text = (
        f"Of {PER:,} images in use, {percent(prevalence)} of them anomalies, about {detected + alarms:.0f} are "
        f"flagged: {detected:.0f} of {count(anomalies, 'anomaly', 'anomalies')} and {count(alarms, 'false alarm')} "
        f"({normal * fpr['low']:.0f} to {normal * fpr['high']:.0f} by the interval of the false alarm rate)."
    )
    if precision["value"] is None:
        return text
    return text + (
        f" Between {percent(precision['low'])} and {percent(precision['high'])} of the flagged images are then "
        "anomalies."
    )


def boxes(answer: Mapping[str, Any]) -> tuple[Box, ...]:
    """Recall, false alarm rate and AUROC as value boxes."""
    at, auroc = answer["at"], answer["auroc"]
    recall, fpr = at["recall"], at["fpr"]

    def counted(part: int, whole: int, metric: Mapping[str, Any]) -> str:
        note = f"{part:,} of {whole:,}; 95 % interval {percent(metric['low'])} to {percent(metric['high'])}"
        return note.replace(" %", "\u00a0%")  # no line ends in "95"

    if auroc is None:
        aim = "the rate that the threshold keeps to on average"
        return (
            Box(percent(fpr["value"]), "of the normal images flagged", counted(at["fp"], at["fp"] + at["tn"], fpr)),
            Box(percent(answer["alpha"]), "expected false alarm rate, at most", aim),
            Box(f"{answer['calibration']:,}", "images that set the threshold", "none of them fitted on or tested on"),
        )
    return (
        Box(percent(recall["value"]), "of the anomalies detected", counted(at["tp"], at["tp"] + at["fn"], recall)),
        Box(percent(fpr["value"]), "of the normal images flagged", counted(at["fp"], at["fp"] + at["tn"], fpr)),
        Box(
            area(auroc["value"]),
            "probability that an anomaly scores higher than a normal image",
            f"AUROC; {interval(auroc)}",
        ),
    )


def picture(classes: Mapping[str, str], by: str) -> str:
    """The caption of the picture.

    Args:
        classes: Name of the class of each image, by what it is, in order: `Detected anomaly`, `Missed anomaly`, `False
            alarm`, as far as they are there; or `Normal image`, where there is none of them.
        by: The detector that drew the heat map of the first; empty if there is none.
    """
    which = {"Detected anomaly": "median score", "Missed anomaly": "lowest score", "False alarm": "highest score"}
    which["Normal image"] = "highest score"
    images = [f"{kind.lower()} with the {which[kind]} (class {literal(name)})" for kind, name in classes.items()]
    if not by:
        return f"From left to right: {', '.join(images)}."
    images.insert(1, f"its heat map by {literal(in_words(by))}, where bright is unlike normal images")
    return f"From left to right: {'; '.join(images)}."


def next_steps(params: Parameters, figures: Mapping[str, Any]) -> Iterator[str]:
    """What to do next, one sentence each.

    Args:
        params: The study's parameters.
        figures: The run's `metrics.json`.
    """
    kinds = {warning["kind"]: warning for warning in figures["warnings"]}
    answer = figures["answer"]
    if few := kinds.get("few_calibration"):
        yield (
            f"Set at least {count(few['needed'], 'normal image')} aside to calibrate the threshold "
            "(`calibration_share`), "
            f"so that {percent(few['target'])} false alarms can be kept to."
        )
    if "falling_loss" in kinds and answer["family"] == "autoencoder":
        yield "Fit for more epochs (`epochs`), and see whether the AUROC changes."
    if params.inspects:
        yield from _inspecting(params, answer)
        return
    if not params.refines:
        yield (
            "Name a `backbone` or `refinements` in the parameter file: more detectors are then compared on a "
            "validation set, and the best one is recommended."
        )
    yield (
        "Set the costs of a missed anomaly and of a false alarm, and move the threshold accordingly: see "
        "[the work in use](04_evaluation.ipynb) and the page `explorer.html` of this report."
    )
    yield ("Look at the [missed anomalies and false alarms](03_anomalies.ipynb) before using the detector.")
    if answer["chosen"]:
        yield (
            f"Score new images with the saved detector in `run/detectors/{answer['column']}`; it holds its threshold "
            "and its calibration scores."
        )


def _inspecting(params: Parameters, answer: Mapping[str, Any]) -> Iterator[str]:
    """What to do next with a detector of one's own images."""
    if answer["auroc"] is None:
        yield (
            "Collect some anomalies, at least 30 of each kind, and put them beside the normal images: the report then "
            "says how many the detector misses."
        )
    looked = (
        "most unusual normal images" if answer["auroc"] is None else "images that it flags and those that it misses"
    )
    yield f"Look at the [{looked}](03_inspection.ipynb) before using it."
    yield (
        f"Score new images with `make score STUDY={params.study} IMAGES=...`: it writes the score, the decision and a "
        "p-value of each file, and says whether the new images still look like those that set the threshold."
    )
