"""Whether the images of a study are enough, before anything is fitted: one finding for each thing that can be lacking.

A finding is green, amber or red; each function below states its rule. `overall` is the worst of them. Where a rule has
no source, it is a rule of thumb and says so.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lib import detectors
from lib.data import ImageSet, grouping, measurements
from lib.data.splits import Split
from lib.evaluation import metrics
from lib.evaluation.metrics import intervals
from lib.evaluation.thresholds import images_needed, realised_fpr
from lib.params import Parameters
from lib.study import Study

COLOURS = ("green", "amber", "red")  # in rising order

FEW_TO_FIT, TOO_FEW_TO_FIT = 50, 10
USUAL_TARGET = 0.05  # false alarm rate that calibration images should at least support
ASSUMED_AUROC = 0.9
WIDE, TOO_WIDE = 0.1, 0.2  # of the AUROC's interval
FEW_GROUPS, TOO_FEW_GROUPS, LARGE_GROUP = 10, 4, 0.2
MANY_DUPLICATES, MOST_DUPLICATES = 0.1, 0.5
SQUEEZED, OFTEN_SQUEEZED = 0.1, 0.05
VISIBLE = 2  # prepared pixels across, below which a defect cannot be seen
COARSE = 4  # pixels of the originals in one prepared pixel
MOST_TILES = 8
BLURRED, OFTEN_BLURRED = 0.25, 0.05
SUSPICIOUS, GIVEN_AWAY = 0.6, 0.9  # of the low end of a shortcut's AUROC interval
MEASURED = 1000  # images of either kind whose pixels are measured


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        kind: Which; `lib.presentation.text.readiness` has its words.
        colour: One of `COLOURS`.
        facts: The numbers that its words need.
    """

    kind: str
    colour: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def overall(findings: list[Finding]) -> str:
    """The worst colour among the findings."""
    return max((finding.colour for finding in findings), key=COLOURS.index, default="green")


def readiness(study: Study) -> list[Finding]:
    """Collect the findings; those about what the images do not have (groups, masks, JPEG quality) are left out.

    Args:
        study: The study; nothing in its split if the images cannot be divided.

    Returns:
        The findings, in the order of a report: the parts, then the files, then the shortcuts.
    """
    params, images, labels, split = study.params, study.images, study.labels, study.split
    normal, anomalies = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    tested = split.test if len(split.test) else np.arange(len(labels))
    return [
        *_parts(params, labels, split),
        *_groups(images, normal),
        *_near_duplicates(study),
        *_unreadable(params, images),
        *_masks(images, anomalies),
        *_sizes(images),
        *_smallest_defect(params, images),
        *_pixels_and_shortcuts(images, labels, tested, params.seed),
    ]


# ---------------------------------------------------------------- the parts of the split


def auroc_width(normal: int, anomalies: int, auroc: float = ASSUMED_AUROC) -> float:
    """Return the width of the 95 % interval that an AUROC will have.

    The standard error is Hanley and McNeil's (Radiology 143 (1982) 29-36), which needs the counts and an assumed AUROC
    only. The interval is cut at 1.

    Args:
        normal: Normal test images, at least 1.
        anomalies: Anomalies in the test set, at least 1.
        auroc: The AUROC to expect, strictly between 0 and 1.

    Returns:
        The width, in (0, 1].
    """
    one, two = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (anomalies - 1) * (one - auroc**2) + (normal - 1) * (two - auroc**2)
    half = intervals.Z * math.sqrt(variance / (anomalies * normal))
    return min(auroc + half, 1.0) - max(auroc - half, 0.0)


def anomalies_needed(normal: int, width: float = WIDE) -> int | None:
    """Return how many anomalies make the interval of `auroc_width` at most so wide; None if a million do not."""
    low, high = 1, 1_000_000
    if auroc_width(normal, high) > width:
        return None
    while low < high:  # the width falls with the number
        middle = (low + high) // 2
        low, high = (low, middle) if auroc_width(normal, middle) <= width else (middle + 1, high)
    return low


def balanced_needed(width: float = WIDE) -> int:
    """Return how many anomalies, and as many normal images, make the interval of `auroc_width` at most so wide."""
    return next(count for count in itertools.count(2) if auroc_width(count, count) <= width)


def highest_unseen_rate(count: int) -> float:
    """Return the highest false alarm rate that agrees with none among so many normal images, at 95 % confidence.

    It is 1 − 0.05^(1/n), about 3/n: the rule of three (Hanley and Lippman-Hand, JAMA 249 (1983) 1743-1745).
    """
    return 1 - 0.05 ** (1 / count)


def _parts(params: Parameters, labels: np.ndarray, split: Split) -> Iterator[Finding]:
    if not len(split.test):
        yield Finding("undivided", "red", {"normal": int((labels == 0).sum())})
        return
    yield _fit(len(split.fit), int((labels == 0).sum()))
    if params.protocol == "holdout":
        yield _calibration(len(split.calibration), params.target_fpr)
    tested = labels[split.test]
    normal, anomalies = int((tested == 0).sum()), int((tested == 1).sum())
    if normal and not split.seen:
        yield _false_alarms(normal, params.target_fpr)
    yield _ranking("test", normal, anomalies)
    if len(split.validation):
        known = labels[split.validation]
        yield _ranking("validation", int((known == 0).sum()), int((known == 1).sum()))


def _fit(count: int, normal: int) -> Finding:
    """Amber below 50 images, red below 10.

    With a fifth of MVTec AD's normal images, about 50 for each kind of object, PatchCore is still as good as what came
    before it (Roth et al., CVPR 2022); the lower limit is a rule of thumb.
    """
    colour = "red" if count < TOO_FEW_TO_FIT else "amber" if count < FEW_TO_FIT else "green"
    return Finding("fit", colour, {"images": count, "normal": normal})


def _calibration(count: int, target: float) -> Finding:
    """Red if the images do not support a false alarm rate of 5 %, or the target; amber if the rate may be twice that.

    n calibration images support no rate below 1/(n + 1); the rate of one calibration set is distributed as a Beta, see
    `lib.evaluation.thresholds`.
    """
    facts = {"images": count, "lowest": 1 / (count + 1), "target": target, "high": None, "needed": _many_enough(target)}
    if count < images_needed(target):
        return Finding("calibration", "red", facts)
    facts["high"] = realised_fpr(count, target)[2]
    colour = "red" if count < images_needed(USUAL_TARGET) else "amber" if facts["high"] > 2 * target else "green"
    return Finding("calibration", colour, facts)


def _many_enough(target: float) -> int:
    """Calibration images with which a rate is at most twice the target (or 5 %), with 97.5 % probability."""
    alpha = min(target, USUAL_TARGET)
    count = images_needed(alpha)
    while realised_fpr(count, alpha)[2] > 2 * alpha:
        count += math.ceil(1 / alpha)
    return count


def _false_alarms(count: int, target: float) -> Finding:
    """Amber if even no false alarm among the normal test images would not show that the target is kept."""
    highest = highest_unseen_rate(count)
    needed = math.ceil(math.log(0.05) / math.log(1 - min(target, USUAL_TARGET)))
    colour = "green" if highest <= target else "amber"
    return Finding("false_alarms", colour, {"images": count, "highest": highest, "target": target, "needed": needed})


def _ranking(part: str, normal: int, anomalies: int) -> Finding:
    """Amber above a width of 0.1, red above 0.2; amber without anomalies, where no AUROC can be measured.

    A validation set only has to order detectors: green up to 0.2, else amber.
    """
    facts = {"part": part, "normal": normal, "anomalies": anomalies, "width": None, "needed": None}
    if not normal or not anomalies:
        return Finding("ranking", "amber", facts)
    facts["width"], facts["needed"] = auroc_width(normal, anomalies), anomalies_needed(normal)
    colour = COLOURS[(facts["width"] > WIDE) + (facts["width"] > TOO_WIDE)]
    if part == "validation":
        colour = "amber" if facts["width"] > TOO_WIDE else "green"
    return Finding("ranking", colour, facts)


# ---------------------------------------------------------------- the files


def _groups(images: ImageSet, normal: np.ndarray) -> Iterator[Finding]:
    """Red below 4 groups of normal images, amber below 10 or where one has over a fifth of them: rules of thumb.

    Images of one group are alike, and all go to one part; so groups, not images, are what the shares divide. Groups
    that are kinds of parts are divided, and left out here.
    """
    named = images.column("group").astype(str)[normal]
    named = np.where(np.isin(named, grouping.kinds(named)), "", named)
    if not (named != "").any():
        return
    sizes = pd.Series(named[named != ""]).value_counts()
    count = len(sizes) + int((named == "").sum())
    largest = int(sizes.iloc[0]) / len(normal)
    colour = "red" if count < TOO_FEW_GROUPS else "amber" if count < FEW_GROUPS or largest > LARGE_GROUP else "green"
    yield Finding("groups", colour, {"groups": count, "largest": largest})


def _near_duplicates(study: Study) -> Iterator[Finding]:
    """Amber if over a tenth of the images have a near-duplicate, red if over half: they count once. Rules of thumb.

    Amber too if test images are near-duplicates of others, which a division that the folder gives allows.
    """
    groups, crossing = study.groups, study.crossing
    sizes = np.unique(groups, return_counts=True)[1]
    alike = int(sizes[sizes > 1].sum())
    share = alike / max(len(groups), 1)
    colour = "red" if share > MOST_DUPLICATES else "amber" if share > MANY_DUPLICATES or crossing else "green"
    facts = {"images": alike, "share": share, "largest": int(sizes.max(initial=1)), "crossing": crossing}
    yield Finding("near_duplicates", colour, facts)


def _unreadable(params: Parameters, images: ImageSet) -> Iterator[Finding]:
    """Amber if a file cannot be read, red above `unreadable_share`. Only where the source reads files of the user's."""
    if params.dataset == "folder":
        count = len(images.unreadable)
        share = count / max(count + len(images), 1)
        colour = "green" if not count else "red" if share > params.unreadable_share else "amber"
        yield Finding("unreadable", colour, {"files": images.unreadable, "share": share})


def _masks(images: ImageSet, anomalies: np.ndarray) -> Iterator[Finding]:
    """Amber if some anomalies have a mask and others have none."""
    there = int((images.column("mask").astype(str)[anomalies] != "").sum())
    if there:
        colour = "green" if there == len(anomalies) else "amber"
        yield Finding("masks", colour, {"there": there, "anomalies": len(anomalies)})


def _sizes(images: ImageSet) -> Iterator[Finding]:
    """Amber if over 5 % of the images are over 10 % wider or narrower than the median: rules of thumb.

    Prepared images are square, so images of different proportions are squeezed differently.
    """
    height, width = (images.table[side].to_numpy(float) for side in ("height", "width"))
    ratio = width / height
    squeezed = float((np.abs(np.log(ratio / np.median(ratio))) > math.log(1 + SQUEEZED)).mean())
    order = np.argsort(height * width, kind="stable")
    smallest, middle, largest = ((int(width[i]), int(height[i])) for i in order[[0, len(order) // 2, -1]])
    facts = {"smallest": smallest, "median": middle, "largest": largest, "squeezed": squeezed}
    yield Finding("sizes", "amber" if squeezed > OFTEN_SQUEEZED else "green", facts)


def _smallest_defect(params: Parameters, images: ImageSet) -> Iterator[Finding]:
    """Amber if one prepared pixel covers more than 4 pixels of the median image along its longer side.

    A defect has to span 2 prepared pixels to be seen (sampling theorem), so the smallest visible one has 2 k pixels of
    the user's, for k of them in one prepared pixel. Whether that is enough depends on the defects, so it is never red.
    """
    longer = images.table[["height", "width"]].max(axis=1).to_numpy(float)
    seen = seen_size(params)
    ratio = float(np.median(longer)) / seen
    tiles = min(math.ceil(params.tiles * ratio / COARSE), MOST_TILES)
    facts = {"ratio": ratio, "smallest": math.ceil(VISIBLE * ratio), "size": seen, "tiles": tiles, "now": params.tiles}
    yield Finding("smallest_defect", "amber" if ratio > COARSE else "green", facts)


def seen_size(params: Parameters) -> int:
    """Side in pixels of the whole image as the detector of the report sees it, its tiles side by side."""
    if not params.inspects:
        return params.image_size
    features = [spec.options for spec in detectors.specs(params) if spec.family == "features"]
    return max((options.side * options.tiles for options in features), default=params.image_size)


# ---------------------------------------------------------------- pixels and shortcuts


def _pixels_and_shortcuts(images: ImageSet, labels: np.ndarray, tested: np.ndarray, seed: int) -> Iterator[Finding]:
    """What the prepared pixels and the files say; at most `MEASURED` images of either kind are measured."""
    rng = np.random.default_rng(seed)
    chosen = [_some(np.flatnonzero(labels == 0), rng)]
    chosen += [_some(tested[labels[tested] == label], rng) for label in (0, 1)]
    rows = np.unique(np.concatenate(chosen))
    measured = measurements.of(images, rows).set_index(rows)
    yield _blur(measured.loc[np.sort(chosen[0]), "sharpness"].to_numpy())
    if len(chosen[1]) and len(chosen[2]):
        both = np.concatenate(chosen[1:])
        yield from _shortcuts(images, labels, tested, measured.loc[both])


def _some(indices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return indices if len(indices) <= MEASURED else rng.choice(indices, MEASURED, replace=False)


def _blur(sharpness: np.ndarray) -> Finding:
    """Amber if over 5 % of the normal images have less than a quarter of the median sharpness: rules of thumb."""
    blurred = float((sharpness < BLURRED * np.median(sharpness)).mean())
    colour = "amber" if blurred > OFTEN_BLURRED else "green"
    return Finding("blur", colour, {"share": blurred, "images": len(sharpness)})


def _shortcuts(images: ImageSet, labels: np.ndarray, tested: np.ndarray, measured: pd.DataFrame) -> Iterator[Finding]:
    """For each fact that says nothing about defects, how well it alone tells normal images from anomalies.

    The AUROC is that of the better direction, max(a, 1 − a). Amber if the low end of its 95 % interval is above 0.6,
    red if above 0.9. Facts that are the same for all images are left out.
    """
    values = {name: (labels[tested], value) for name, value in file_facts(images, tested).items()}
    for name in ("brightness", "border"):
        values[name] = (labels[measured.index], measured[name].to_numpy())
    for name, (kinds, value) in values.items():
        known = np.isfinite(value)
        kinds, value = kinds[known], value[known]
        if len(set(kinds.tolist())) == 2 and np.ptp(value) > 0:
            auroc = either_way(metrics.auroc(kinds, value))
            low = auroc["low"]
            colour = "red" if low > GIVEN_AWAY else "amber" if low > SUSPICIOUS else "green"
            yield Finding("shortcut", colour, {"name": name, "auroc": auroc, "images": len(value)})


def file_facts(images: ImageSet, indices: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of the files of images, float64 (n,) by name; NaN where a file has no such fact."""
    table = images.table.iloc[indices]
    quality = images.column("quality", 0).astype(float)[indices]
    return {
        "file size": table["file_bytes"].to_numpy(float),
        "aspect ratio": (table["width"] / table["height"]).to_numpy(float),
        "JPEG quality": np.where(quality > 0, quality, np.nan),
        "number in the file name": file_numbers(images.table["id"])[indices],
    }


def either_way(auroc: metrics.Metric) -> metrics.Metric:
    """The AUROC of the better direction, with its interval."""
    if auroc["value"] >= 0.5:
        return auroc
    return auroc | {"value": 1 - auroc["value"], "low": 1 - auroc["high"], "high": 1 - auroc["low"]}


def file_numbers(ids: pd.Series) -> np.ndarray:
    """The last number in every file name, float (N,); NaN where there is none.

    All NaN where numbers start at 0 or 1 in more than one folder: then they tell the place in a folder, and not when
    an image was taken.
    """
    ids = pd.Series(ids).astype(str)
    stems = ids.str.rsplit("/", n=1).str[-1].str.replace(r"\.[^.]*$", "", regex=True)
    numbers = stems.str.extract(r"(\d+)\D*$", flags=re.ASCII)[0].str[-15:].astype(float)
    folders = ids.str.rpartition("/")[0]
    firsts = numbers.groupby(folders).min()
    return np.full(len(ids), np.nan) if (firsts <= 1).sum() > 1 else numbers.to_numpy()
