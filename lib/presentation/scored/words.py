"""Sentences about new images that were scored, in plain text."""

from collections.abc import Iterator

from lib.core.formatting import count, p_value, percent, signed
from lib.evaluation import discoveries, drift
from lib.evaluation.scoring import Scored, Scorer

LISTED = 10  # files that cannot be read are listed on the terminal up to so many
_WORDS = {"brightness": ("darker", "brighter"), "sharpness": ("blurrier", "sharper"), "size": ("smaller", "larger")}
_UNITS = {"brightness": "mean brightness", "sharpness": "mean sharpness", "size": "mean side in pixels"}


def summary(scorer: Scorer, scored: Scored, found: drift.Drift, fdr: float | None = None) -> list[str]:
    """What the terminal and the page say: decisions, expected false alarms, the list, drift; a sentence or two each."""
    return [*_decisions(scorer, scored), *_listed(scorer, scored, fdr), *verdict(scorer, found), *alarm(found)]


def unreadable(scored: Scored) -> list[str]:
    """A line for each of the files that could not be read, `LISTED` at most."""
    table = scored.table[scored.table["problem"] != ""]
    lines = [f"{file}: {problem}" for file, problem in zip(table["file"], table["problem"], strict=True)]
    more = [f"and {count(len(lines) - LISTED, 'more file')}"] if len(lines) > LISTED else []
    return lines[:LISTED] + more


def _decisions(scorer: Scorer, scored: Scored) -> Iterator[str]:
    at, images = scored.table["threshold"].iloc[0], len(scored.places)
    flagged = f"{scored.flagged:,} {'is' if scored.flagged == 1 else 'are'} flagged"
    missing = len(scored.table) - images
    text = f"{count(images, 'image')}: {flagged}, with a score above the threshold of {at:.4g}."
    if missing:
        text += f" {count(missing, 'file')} could not be read and {'has' if missing == 1 else 'have'} no score."
    yield text
    rate = scorer.false_alarms(at)
    if rate is None:
        yield "How many false alarms to expect is not known: the detector has no calibration scores."
    else:
        yield (
            f"If all of them were normal, about {rate * images:,.0f} would be flagged: {percent(rate)}, from "
            f"{count(len(scorer.saved.calibration), 'calibration score')}."
        )


def _listed(scorer: Scorer, scored: Scored, fdr: float | None) -> Iterator[str]:
    if fdr is None:
        return
    listed, calibration = int((scored.table["discovery"] == "yes").sum()), len(scorer.saved.calibration)
    if listed:
        share = "is a discovery" if listed == 1 else "are discoveries"
        yield (
            f"{count(listed, 'image')} {share} at a false discovery rate of {_rate(fdr)}: in such lists, at most "
            f"{_rate(fdr)} are normal images on average, as long as normal images do not change."
        )
        return
    images = len(scored.places)
    least = count(discoveries.least_discoveries(images, calibration, fdr), "discovery", "discoveries")
    yield (
        f"No image is a discovery at a false discovery rate of {_rate(fdr)}. Among {count(images, 'image')}, "
        f"{count(calibration, 'calibration score')} allow {least} or more, or none."
    )


def verdict(scorer: Scorer, found: drift.Drift) -> list[str]:
    """Whether the threshold keeps its false alarm rate on these images, and how they differ from calibration images."""
    rate = scorer.saved.threshold.get("alpha") or scorer.false_alarms(scorer.saved.threshold["value"])
    return [*_of_scores(found, f"{_rate(rate)}" if rate else "what it did"), *_of_appearance(found)]


def _of_scores(found: drift.Drift, means: str) -> Iterator[str]:
    cannot = f"Cannot tell whether the threshold still means {means}"
    test = f"Kolmogorov-Smirnov test, {p_value(found.p_value, 'p')}"
    if found.kind == "few":
        short = found.images < drift.LEAST
        few = count(found.images, "image") if short else count(found.calibration, "calibration score")
        yield f"{cannot}: {few}. At least {drift.LEAST} are needed."
    elif found.kind == "most_above":
        yield (
            f"{cannot}: only {found.bulk:,} of {count(found.images, 'image')} score as low as nine of ten calibration "
            "images. Either most of them are anomalies, or the images have changed."
        )
    elif found.kind == "holds":
        yield (
            f"The threshold still means {means}: without the highest scores, those of these images are distributed as "
            f"those of the calibration images ({test}; a difference of {100 * found.noticed:.0f} percentage points "
            "would be noticed)."
        )
    else:
        yield (
            f"The threshold may no longer mean {means}: even without the highest scores, those of these images are "
            f"{'higher' if found.higher else 'lower'} than those of the calibration images ({test}). Look at the "
            "images, and fit again with new normal images if normal images look different now."
        )


def _of_appearance(found: drift.Drift) -> Iterator[str]:
    if found.appearance.empty:
        return
    rows = found.appearance.set_index("quantity")
    for quantity, shift in found.changed:
        new, own = (_number(rows.loc[quantity, column]) for column in ("new", "calibration"))
        spread = f" ({signed(shift, 1)} standard deviations)" if abs(shift) < 100 else ""
        yield (
            f"These images are {_WORDS[quantity][shift > 0]}: {_UNITS[quantity]} {new}, and {own} of the calibration "
            f"images{spread}."
        )
    if not found.changed:
        yield "Brightness, sharpness and size are like those of the calibration images."
    if found.embeddings and found.embeddings["p_value"] < drift.STRICT:
        yield (
            f"Their content differs: the embeddings of {count(found.embeddings['images'], 'image')} without a high "
            f"score differ from those of calibration images (MMD test, {p_value(found.embeddings['p_value'], 'p')})."
        )


def alarm(found: drift.Drift) -> list[str]:
    """If the files are a stream in the order of their names: at which image it is clear that something has changed."""
    if found.alarm is None:
        return []
    return [
        f"If the order of the names is that of time: at image {found.alarm:,} of {found.images:,} it is clear (at "
        f"{_rate(drift.LEVEL)}) that anomalies have appeared or images have changed."
    ]


def _rate(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
