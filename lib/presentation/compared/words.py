"""Sentences about two studies that are compared, in plain text."""

from collections.abc import Iterator

from lib.core.characters import readable
from lib.core.formatting import count, signed
from lib.evaluation.metrics import Metric
from lib.evaluation.paired import LEAST, Comparison, Finished
from lib.presentation.tables.cells import reading
from lib.presentation.text.terms import area, both_counts, in_words


def verdict(found: Comparison) -> list[str]:
    """Which study ranks better, by how much, and whether that is clear; then, on how many images they differ."""
    if not found.paired:
        return [f"The studies cannot be compared image by image, because their test sets have no {_lacking(found)}."]
    return [_ranking(found), _decisions(found)]


def _ranking(found: Comparison) -> str:
    images = both_counts(*found.counts[0])
    difference, (first, second) = found.differences["auroc"], [each["auroc"] for each in found.metrics]
    if difference is None:
        return (
            f"The AUROCs cannot be compared: that needs at least {LEAST} normal images and {LEAST} anomalies, and the "
            f"images compared are {images}."
        )
    a, b, read = found.a.study, found.b.study, reading(difference)
    values = f"the AUROC of {a} is {area(first['value'])} and that of {b} {area(second['value'])}"
    value, low, high = changes(difference)
    amount = f"a difference of {value} (95 % interval {low} to {high}"
    if read in ("higher", "lower"):
        better = a if read == "higher" else b
        return f"{better} ranks better: {values}, {amount}, which excludes 0), on {images}."
    return f"Neither study ranks clearly better: {values}, {amount}, which includes 0), on {images}."


def _decisions(found: Comparison) -> str:
    normal, anomalies = found.flips
    images, differ = len(found.shared.table), sum(each.only_a + each.only_b for each in found.flips)
    if not differ:
        return f"Each at its own threshold, they decide alike on {'all ' if images > 1 else ''}{_images(images)}."

    def alone(name: str) -> str:
        counts = [getattr(each, f"only_{name}") for each in (anomalies, normal)]
        return f"{count(counts[0], 'anomaly', 'anomalies')} and {count(counts[1], 'normal image')}"

    return (
        f"Each at its own threshold, they decide differently on {differ:,} of {_images(images)}: {found.a.study} alone "
        f"flags {alone('a')}, and {found.b.study} alone flags {alone('b')}."
    )


def _images(number: int) -> str:
    return count(number, "image")


def detectors(found: Comparison) -> str:
    """With which detector each report answers, and at which threshold."""
    parts = [
        f"{each.study} answers with {in_words(readable(each.detector))} at the threshold {each.threshold:.4g}"
        for each in (found.a, found.b)
    ]
    return f"{'; '.join(parts)}."


def thresholds(found: Comparison) -> str:
    """A detector that both studies have, and its thresholds."""
    a, b = found.a, found.b
    name = in_words(readable(a.detector))
    at = f"{a.threshold:.4g} in {a.study}, {b.threshold:.4g} in {b.study}"
    if a.threshold == b.threshold:
        at = f"{a.threshold:.4g} in both studies"
    return f"{name[0].upper()}{name[1:]}; threshold {at}"


def sharing(found: Comparison, studies: tuple[Finished, Finished], name: str = "its detector") -> list[str]:
    """Which images the figures are of: those in both test sets, those left out, and those that a study was fitted on.

    Args:
        found: The comparison.
        studies: The two studies.
        name: What sentences call the detector.
    """
    if not found.paired:
        return list(_apart(found, studies, name))
    shared = found.shared
    single = shared.normal + shared.anomalies == 1
    in_both = f"{both_counts(shared.normal, shared.anomalies)} {'is' if single else 'are'} in both test sets."
    return [in_both, *_fitted(found, name), *_left_out(found)]


def _fitted(found: Comparison, name: str) -> Iterator[str]:
    """What comes of images that one of the two detectors was fitted on."""
    shared = found.shared
    for side, fitted in zip((found.a, found.b), shared.fitted, strict=True):
        if fitted:
            yield (
                f"In {side.study}, {name} was fitted on {fitted:,} of the "
                f"{count(shared.normal, 'shared normal image')}{'' if shared.left_out else ', which flatters it'}."
            )
    if shared.left_out:
        yield f"Images fitted on are left out of the comparison; {both_counts(*found.counts[0])} remain."
    elif any(shared.fitted):
        yield (
            f"Images fitted on are not left out of the comparison, because fewer than {LEAST} normal images would "
            "remain."
        )


def _left_out(found: Comparison) -> Iterator[str]:
    """Images with one name that cannot be compared."""
    shared = found.shared
    if number := shared.other_file:
        be, has = ("is", "it is another file") if number == 1 else ("are", "they are other files")
        yield f"{count(number, 'image')} with a name in both test sets {be} left out, because {has} in each study."
    if number := shared.other_label:
        be, each = ("is", "it is an anomaly") if number == 1 else ("are", "they are anomalies")
        yield f"{count(number, 'image')} in both test sets {be} left out, because {each} in one study only."


def _apart(found: Comparison, studies: tuple[Finished, Finished], name: str) -> Iterator[str]:
    """Why the figures are not of the same images, and of which they are."""
    names = [readable(each.images.name) for each in studies]
    tests = [f"{both_counts(*counts)} in {study.name}" for counts, study in zip(found.counts, studies, strict=True)]
    yield (
        f"The test sets have no {_lacking(found)}, so the figures of each study are of its own test set: "
        f"{'; '.join(tests)}."
    )
    if names[0] != names[1]:
        yield f"The data sets differ: {names[0]} in {studies[0].name}, {names[1]} in {studies[1].name}."
    yield from _left_out(found)
    for side, counts in zip((found.a, found.b), found.counts, strict=True):
        if fitted := int(side.table["fitted"].sum()):
            yield (
                f"In {side.study}, {name} was fitted on {fitted:,} of the "
                f"{count(counts[0], 'normal test image')}, which flatters it."
            )


def _lacking(found: Comparison) -> str:
    """What the test sets do not share."""
    what = {(0,): "normal image", (1,): "anomaly"}.get(found.lacking, "image")
    return f"{what} in common"


def changes(difference: Metric) -> list[str]:
    """A difference of AUROCs and the ends of its interval; with four decimals where all are below 0.01."""
    values = [difference[key] for key in ("value", "low", "high")]
    digits = 4 if max(map(abs, values)) < 0.01 else 3
    return [signed(value, digits) for value in values]
