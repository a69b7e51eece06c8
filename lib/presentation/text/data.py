"""Sentences about a data set: its contents and its division."""

from collections.abc import Mapping, Sequence

from lib.core.formatting import count, percent
from lib.params import Parameters
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import both_counts


def totals(params: Parameters, counts: Mapping[str, int], largest: tuple[str, int]) -> str:
    """The counts of the data set, and the accuracy and F1 of flagging every image."""
    if not counts["anomalies"]:
        return (
            f"The data set has **{count(counts['images'], 'image')}**, all of class "
            f"**{literal(params.normal_class)}**, which is normal. There are no anomalies to test on: this report says "
            "which images are unusual and how often a normal one is flagged, and not how many anomalies are missed."
        )
    share = counts["anomalies"] / counts["images"]
    sentences = [
        f"The data set has **{count(counts['images'], 'image')}** in **{counts['classes']} classes**. "
        f"Class **{literal(params.normal_class)}** is normal, with {count(counts['normal'], 'image')}; the other "
        f"{count(counts['classes'] - 1, 'class', 'classes')}, with {count(counts['anomalies'], 'image')}, are "
        "anomalies.",
        "The normal class is the largest."
        if largest[0] == params.normal_class
        else f"The largest class is {literal(largest[0])}, with {count(largest[1], 'image')}.",
        f"With {percent(share)} anomalies, flagging every image without looking has an accuracy of {share:.4f} and an "
        f"F1 of {2 * share / (1 + share):.4f}. A detector has to do better than that.",
    ]
    return " ".join(sentences)


def source(params: Parameters, cite: str) -> str:
    """Where the images come from, with a citation; empty for a data set without one."""
    known = {
        "digits": "The images are the handwritten digits that scikit-learn ships [@alpaydin1998].",
        "caltech101": "The images are those of Caltech101 [@feifei2004].",
    }
    text = known.get(params.dataset, literal(params.origin))
    return f"{text} This report builds on a published study of the same data {cite}." if cite else text


def originals(heights: Sequence[int], widths: Sequence[int], size: int) -> str:
    """The sizes and proportions of the images before resizing."""
    ordered = sorted(zip(heights, widths, strict=True), key=lambda side: side[0] * side[1])
    if ordered[0] == ordered[-1]:
        return f"All originals have {ordered[0][1]} × {ordered[0][0]} pixels; all are resized to {size} × {size}."
    median = ordered[len(ordered) // 2]
    ratios = sorted(width / height for height, width in ordered)
    return (
        f"The originals have from {ordered[0][1]} × {ordered[0][0]} to {ordered[-1][1]} × {ordered[-1][0]} pixels "
        f"(median {median[1]} × {median[0]}). The ratio of width to height is {ratios[0]:.2f} to {ratios[-1]:.2f} "
        f"(median {ratios[len(ratios) // 2]:.2f}). All are resized to {size} × {size}, which loses the ratio."
    )


def protocol(params: Parameters, parts: Mapping[str, int], seen: int, given: bool = False) -> str:
    """The fit set, the test set, and what their overlap means for the results.

    Args:
        params: The study's parameters.
        parts: Number of images, as `lib.study.Study.parts` counts them.
        seen: Number of test images that were fitted on.
        given: Whether the data set itself says which images are for the test.
    """
    text = (
        f"Protocol `{params.protocol}`: the detectors are fitted on {count(parts['fit'], 'normal image')}. The test "
        f"set has {both_counts(parts['normal'], parts['anomalies'])}. "
    )
    if seen:
        return text + (
            f"**{count(seen, 'test image')} were fitted on**: no normal image is held out. The false alarm rate on new "
            "images will probably be higher than the one measured here."
        )
    if not parts["anomalies"]:
        text = (
            f"Protocol `{params.protocol}`: the detectors are fitted on {count(parts['fit'], 'normal image')}. The "
            f"test set has {count(parts['normal'], 'normal image')} and no anomalies. "
        )
    text += "**No test image was fitted on** or used to set a threshold. "
    text += f"The calibration set has {count(parts['calibration'], 'normal image')}."
    if parts["validation_anomalies"]:
        text += f" The validation set has {both_counts(parts['validation_normal'], parts['validation_anomalies'])}."
    if not given:
        text += " The division depends only on the names of the images and the seed."
    if parts["dropped"] and given:
        text += f" {count(parts['dropped'], 'anomaly', 'anomalies')} among the images to fit on took no part."
    elif parts["dropped"]:
        be = "anomaly is a near-duplicate" if parts["dropped"] == 1 else "anomalies are near-duplicates"
        text += f" {parts['dropped']:,} {be} of normal images that are not tested on, and left out."
    return text


def duplicates(groups: int, images: int, pairs: Sequence[tuple[str, str, int]]) -> str:
    """The near-duplicates in the data set."""
    if not groups:
        return "The data set has no duplicates or near-duplicates."
    text = (
        f"{count(images, 'image')} form {count(groups, 'group')} of duplicates or near-duplicates, found by content, "
        "not by name. All images of a group are in the same set."
    )
    across = [f"{literal(first)} and {literal(second)} ({number})" for first, second, number in pairs[:5]]
    return text + (f" Classes with the most groups in common: {', '.join(across)}." if across else "")


def crossing(images: int) -> str:
    """How many test images are near-duplicates of images in other sets, in a division that the data set gives."""
    if not images:
        return "No test image is a near-duplicate of an image in another set."
    return (
        f"**{count(images, 'test image')} {'is a near-duplicate' if images == 1 else 'are near-duplicates'} of images "
        "in other sets**: the data set divides the images so, and results on them are too good."
    )
