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
        return []
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
    amount = f"a difference of {change(difference)} (95 % interval {change_interval(difference)}"
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
    """The thresholds of one detector in both studies."""
    a, b = found.a, found.b
    if a.threshold == b.threshold:
        return f"The threshold is {a.threshold:.4g} in both studies."
    return f"The threshold is {a.threshold:.4g} in {a.study} and {b.threshold:.4g} in {b.study}."


def sharing(found: Comparison, studies: tuple[Finished, Finished]) -> list[str]:
    """Which images the figures are of: those in both test sets, those left out, and those that a study was fitted on.

    Args:
        found: The comparison.
        studies: The two studies.
    """
    if not found.paired:
        return list(_apart(found, studies))
    shared = found.shared
    in_both = f"{both_counts(shared.normal, shared.anomalies)}"
    single = shared.normal + shared.anomalies == 1
    return [f"{in_both} {'is' if single else 'are'} in both test sets.", *_fitted(found), *_left_out(found)]


def _fitted(found: Comparison) -> Iterator[str]:
    """What comes of images that one of the two detectors was fitted on."""
    shared = found.shared
    for tested, fitted in zip((found.a, found.b), shared.fitted, strict=True):
        if fitted:
            yield (
                f"In {tested.study}, {in_words(readable(tested.detector))} was fitted on {fitted:,} of the "
                f"{count(shared.normal, 'shared normal image')}; such images have lower scores than new ones."
            )
    if shared.left_out:
        yield (
            f"Images that a detector was fitted on are left out of the comparison: {both_counts(*found.counts[0])} "
            "remain."
        )
    elif any(shared.fitted):
        flattered = [tested.study for tested, fitted in zip((found.a, found.b), shared.fitted, strict=True) if fitted]
        yield (
            f"The comparison flatters {' and '.join(flattered)}: without these images, fewer than {LEAST} normal "
            "images would remain, so they are not left out."
        )


def _left_out(found: Comparison) -> Iterator[str]:
    """Images with one name that cannot be compared."""
    shared = found.shared
    if number := shared.other_file:
        be, files = ("is", "another file") if number == 1 else ("are", "other files")
        yield f"{count(number, 'further image')} with the same name {be} left out, because the studies have {files}."
    if number := shared.other_label:
        be, each = ("is", "it is an anomaly") if number == 1 else ("are", "they are anomalies")
        yield f"{count(number, 'further image')} {be} left out, because {each} in one study only."


def _apart(found: Comparison, studies: tuple[Finished, Finished]) -> Iterator[str]:
    names = [readable(each.images.name) for each in studies]
    test = " and ".join(f"{_images(len(each.table))} in {each.study}" for each in (found.a, found.b))
    of = f" {studies[0].name} is about the images {names[0]}, and {studies[1].name} about {names[1]}."
    yield (
        f"The studies cannot be compared image by image: no image is in both test sets ({test})."
        f"{of if names[0] != names[1] else ''}"
    )
    yield from _left_out(found)
    yield "So the figures of each are of its own test set, and differences are not shown."
    for tested in (found.a, found.b):
        normal, fitted = (tested.table["label"] == 0).sum(), int(tested.table["fitted"].sum())
        if fitted:
            yield (
                f"In {tested.study}, {in_words(readable(tested.detector))} was fitted on {fitted:,} of its "
                f"{count(normal, 'normal test image')}, which flatters it."
            )


def change(metric: Metric) -> str:
    """A difference of AUROCs: `"+0.0120"`."""
    return signed(metric["value"])


def change_interval(metric: Metric) -> str:
    """Its interval: `"−0.0010 to +0.0250"`."""
    return f"{signed(metric['low'])} to {signed(metric['high'])}"


def p_value(value: float) -> str:
    """A p-value as a table shows it."""
    return f"{value:.2g}" if value >= 0.001 else "< 0.001"
