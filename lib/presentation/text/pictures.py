"""Sentences on a data set: what is in it, and how it is divided."""

from collections.abc import Mapping, Sequence

from lib.params import Parameters
from lib.presentation.text.terms import count, percent


def totals(params: Parameters, counts: Mapping[str, int], largest: tuple[str, int]) -> str:
    """What the data set holds, and what its unbalance does to accuracy."""
    share = counts["anomalies"] / counts["images"]
    lines = [
        f"The data set holds **{count(counts['images'], 'image')}** in **{counts['classes']} classes**. "
        f"Class **{params.normal_class}** is normal, with {count(counts['normal'], 'image')}; the other "
        f"{count(counts['classes'] - 1, 'class', 'classes')}, with {count(counts['anomalies'], 'image')}, are "
        "anomalies.",
    ]
    if largest[0] == params.normal_class:
        lines.append("The normal class is the largest.")
    else:
        lines.append(f"The largest class is {largest[0]}, with {count(largest[1], 'image')}.")
    f1 = 2 * share / (1 + share)
    lines.append(
        f"So {percent(share)} of the images are anomalies, and a detector that looks at nothing and flags every "
        f"image already reaches an accuracy of {share:.4f} and an F1 of {f1:.4f}. Every figure of this report has to "
        "be read against these two."
    )
    return " ".join(lines)


def originals(heights: Sequence[int], widths: Sequence[int], size: int) -> str:
    """What the images were before they were resized."""
    ordered = sorted(zip(heights, widths, strict=True), key=lambda side: side[0] * side[1])
    if ordered[0] == ordered[-1]:
        return f"All originals measure {ordered[0][1]} × {ordered[0][0]} pixels; all become {size} × {size}."
    middle = ordered[len(ordered) // 2]
    ratios = sorted(width / height for height, width in ordered)
    return (
        f"The originals measure from {ordered[0][1]} × {ordered[0][0]} to {ordered[-1][1]} × {ordered[-1][0]} pixels "
        f"({middle[1]} × {middle[0]} in the middle), and are {ratios[0]:.2f} to {ratios[-1]:.2f} times as wide as high "
        f"({ratios[len(ratios) // 2]:.2f} in the middle). All become {size} × {size}, so their proportions are lost."
    )


def protocol(params: Parameters, parts: Mapping[str, int], seen: int) -> str:
    """Which images are fitted on and which judged, and what that does to the figures.

    Args:
        params: the study's parameters.
        parts: images of each part: `fit`, `calibration`, `validation`, `normal` (judged), `anomalies` (judged), and
            `dropped`, those left out as near-duplicates of images that the detector or its threshold has seen.
        seen: judged images that were fitted on.
    """
    judged = f"{count(parts['normal'], 'normal image')} and {count(parts['anomalies'], 'anomaly', 'anomalies')}"
    text = (
        f"Protocol `{params.protocol}`: the detector is fitted on {count(parts['fit'], 'normal image')} and judged on "
        f"{judged}. "
    )
    if seen:
        return text + (
            f"**{count(seen, 'judged image')} were fitted on**: nothing was held out. The false alarms counted here "
            "are therefore fewer than new images would raise, and the figures compare with the published ones, not "
            "with use."
        )
    text += "**No image that is judged was fitted on**, nor seen by the rule that chooses the threshold: that has "
    text += f"{count(parts['calibration'], 'normal image')} of its own"
    if parts["validation"]:
        text += f", and {count(parts['validation'], 'labelled anomaly', 'labelled anomalies')}"
    text += ". Which part an image is in follows from its name and the seed alone."
    if parts["dropped"]:
        text += (
            f" {count(parts['dropped'], 'anomaly', 'anomalies')} that nearly repeat an image fitted on or calibrated "
            "with are left out of judging."
        )
    return text


def duplicates(groups: int, images: int, pairs: Sequence[tuple[str, str, int]]) -> str:
    """What near-duplicates the data set holds, and that they are kept on one side."""
    if not groups:
        return "No image is the same file as another, or nearly repeats it."
    text = (
        f"{count(images, 'image')} form {count(groups, 'group')} of the same file or of near-duplicates, found by what "
        "they show and not by their names. A group is never divided between parts."
    )
    across = [f"{first} and {second} ({number})" for first, second, number in pairs[:5]]
    return text + (f" Most groups across classes: {', '.join(across)}." if across else "")
