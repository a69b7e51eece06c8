"""Words for each finding of `lib.evaluation.readiness`, and one sentence on all of them.

Cells are Markdown; `plain` makes text for the terminal of them.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lib.core.formatting import count, listed, percent
from lib.evaluation.readiness import (
    FEW_TO_FIT,
    MANY_DUPLICATES,
    SQUEEZED,
    WIDE,
    Finding,
    balanced_needed,
    overall,
)
from lib.presentation.tables.markdown import literal

_OF_NORMAL = ("undivided", "fit", "calibration", "false_alarms")
LISTED = 10  # files that a sentence names
Facts = Mapping[str, Any]
ADVICE = 3  # things that the summary asks for


def cells(finding: Finding) -> tuple[str, str, str, str]:
    """What was looked at, what was found, the colour, and what it means."""
    subject, found, meaning = _CELLS[finding.kind](finding.facts, finding.colour)
    return subject, found, finding.colour, meaning


def plain(markdown: str) -> str:
    """A cell without the escapes of Markdown, for a terminal."""
    return re.sub(r"\\([\W_])", r"\1", markdown)


def readiness(findings: Sequence[Finding]) -> str:
    """The worst colour, and what to collect or change next, most urgent first."""
    colour = overall(findings)
    more = _normal_images(findings)
    wanted = [(_worst(findings, *_OF_NORMAL), more), (_worst(findings, "ranking"), _anomalies(findings, bool(more)))]
    lacking = [finding for finding in findings if finding.colour != "green"]
    wanted += [(one.colour, _ADVICE[one.kind](one.facts)) for one in lacking if one.kind in _ADVICE]
    if shortcuts := [one for one in lacking if one.kind == "shortcut"]:
        wanted.append((overall(shortcuts), _shortcuts(shortcuts)))
    wanted = [advice for _, advice in sorted(wanted, key=lambda one: one[0] != "red") if advice]
    if not wanted:
        return f"Overall: {colour}. The images are enough for a report."
    more = f" ({len(wanted) - ADVICE} more in the table)" if len(wanted) > ADVICE else ""
    return f"Overall: {colour}. What to do next: {'; '.join(wanted[:ADVICE])}{more}."


def left_out(unreadable: Sequence[Sequence[str]], masks_missing: Sequence[str]) -> str:
    """The files that could not be read, with reasons, and the anomalies without a mask; empty where there are none."""
    sentences = []
    if unreadable:
        listing = [f"{literal(file)} ({literal(reason)})" for file, reason in unreadable[:LISTED]]
        sentences.append(f"{count(len(unreadable), 'file')} could not be read: {_listing(listing, len(unreadable))}.")
    if masks_missing:
        listing = [literal(name) for name in masks_missing[:LISTED]]
        lacking = count(len(masks_missing), "anomaly has", "anomalies have")
        sentences.append(f"{lacking} no mask: {_listing(listing, len(masks_missing))}.")
    return " ".join(sentences)


def _listing(named: list[str], number: int) -> str:
    return "; ".join(named) + (f"; and {number - len(named):,} more" if number > len(named) else "")


# ---------------------------------------------------------------- what is lacking


def _worst(findings: Sequence[Finding], *kinds: str) -> str:
    return overall(list(_by_kind(findings, *kinds).values()))


def _by_kind(findings: Sequence[Finding], *kinds: str) -> dict[str, Finding]:
    """Findings by kind, those on the validation set left out."""
    return {one.kind: one for one in findings if one.kind in kinds and one.facts.get("part") != "validation"}


def _normal_images(findings: Sequence[Finding]) -> str:
    """How many more normal images all parts need, at the shares that they have now."""
    named = _by_kind(findings, *_OF_NORMAL)
    if "undivided" in named:
        return "collect at least 50 normal images" if named["undivided"].facts["normal"] < 50 else ""
    total = named["fit"].facts["normal"]
    goals = {
        "fit": (FEW_TO_FIT, "{} are fitted on"),
        "calibration": (None, "{} calibrate the threshold"),
        "false_alarms": (None, "{} measure false alarms"),
    }
    lacking: list[tuple[int, str]] = []
    for kind, (goal, words) in goals.items():
        if kind in named and named[kind].colour != "green":
            here, goal = named[kind].facts["images"], goal or named[kind].facts["needed"]
            if goal > here:
                lacking.append((math.ceil((goal - here) * total / max(here, 1)), words.format(f"{goal:,}")))
    if not lacking:
        return ""
    more = max(number for number, _ in lacking)
    return f"collect {_rounded(more)} more normal images, so that {listed([words for _, words in lacking])}"


def _anomalies(findings: Sequence[Finding], normal_asked_for: bool) -> str:
    ranking = _by_kind(findings, "ranking").get("ranking")
    if ranking is None or ranking.colour == "green":
        return ""
    facts = ranking.facts
    balanced = balanced_needed()
    # With few normal images, no number of anomalies or only a large one would do.
    goal = facts["needed"] if facts["needed"] and facts["needed"] <= 2 * balanced else balanced
    if not facts["anomalies"]:
        return f"collect about {_rounded(goal)} images with defects, to measure how many are found"
    wanted = []
    if goal > facts["anomalies"]:
        wanted.append(f"{_rounded(goal - facts['anomalies'])} more images with defects")
    if goal == balanced and goal > facts["normal"] and not normal_asked_for:
        wanted.append(f"{_rounded(goal - facts['normal'])} more normal images")
    return f"test on {listed(wanted)}" if wanted else ""


def _shortcuts(findings: Sequence[Finding]) -> str:
    names = listed([finding.facts["name"] for finding in findings])
    tells = "tells" if len(findings) == 1 else "tell"
    return f"find out why {names} {tells} anomalies from normal images, and take all images in the same way"


def _rounded(number: int) -> str:
    """A count to two digits, rounded up: more would be false precision."""
    step = 10 ** max(len(str(number)) - 2, 0)
    return f"{math.ceil(number / step) * step:,}"


_ADVICE: dict[str, Callable[[Facts], str]] = {
    "groups": lambda facts: "collect images of more groups, rather than more images of the same ones",
    "near_duplicates": lambda facts: "collect images that differ, rather than more of the same scene",
    "unreadable": lambda facts: "replace the files that cannot be read",
    "masks": lambda facts: "add the missing masks",
    "sizes": lambda facts: "crop all images to the same proportions",
    "smallest_defect": lambda facts: (
        f"set `tiles: {facts['tiles']}` if defects smaller than {facts['smallest']} pixels matter"
        if facts["tiles"] > facts["now"]
        else f"crop the images if defects smaller than {facts['smallest']} pixels matter"
    ),
    "blur": lambda facts: "replace the blurred images",
}


# ---------------------------------------------------------------- cells by kind


def _target(facts: Facts) -> str:
    return f"{100 * facts['target']:g} %"


def _undivided(facts: Facts, colour: str) -> tuple[str, str, str]:
    return (
        "Division of the images",
        count(facts["normal"], "normal image"),
        "cannot be divided into images to fit on, to calibrate the threshold and to test on",
    )


def _fit(facts: Facts, colour: str) -> tuple[str, str, str]:
    meaning = {"green": "enough", "amber": "few", "red": "too few"}[colour]
    found = f"{facts['images']:,} of {count(facts['normal'], 'normal image')}"
    return "Images to fit on", found, f"{meaning} for detectors on pretrained features, which need about {FEW_TO_FIT}"


def _calibration(facts: Facts, colour: str) -> tuple[str, str, str]:
    found = count(facts["images"], "normal image")
    lowest = f"no false alarm rate below {percent(facts['lowest'])} (1/{facts['images'] + 1:,}) can be promised"
    if facts["high"] is None:
        return "Images to calibrate", found, f"{lowest}, and the target is {_target(facts)}"
    meaning = f"with a target of {_target(facts)}, the rate in use is at most {percent(facts['high'])}"
    return "Images to calibrate", found, f"{meaning} (97.5 % confidence); {lowest}"


def _false_alarms(facts: Facts, colour: str) -> tuple[str, str, str]:
    meaning = f"if none is a false alarm, the rate is still anything up to {percent(facts['highest'])}"
    relation = "within" if colour == "green" else "more than"
    return (
        "Normal images to test on",
        count(facts["images"], "normal image"),
        f"{meaning} (95 % confidence), {relation} the target of {_target(facts)}",
    )


def _ranking(facts: Facts, colour: str) -> tuple[str, str, str]:
    subject = {"test": "Anomalies to test on", "validation": "Anomalies to choose by"}[facts["part"]]
    found = count(facts["anomalies"], "anomaly", "anomalies")
    if facts["width"] is None:
        lacking = "anomalies" if not facts["anomalies"] else "normal images"
        return subject, found, f"without {lacking} no AUROC can be measured; the threshold needs none"
    width = f"about {facts['width']:.2f} wide" if facts["width"] >= 0.01 else "less than 0.01 wide"
    meaning = f"with {count(facts['normal'], 'normal image')}, the 95 % interval of an AUROC of 0.9 is {width}"
    if facts["part"] == "validation":
        limit = "enough to choose by" if colour == "green" else "detectors of similar AUROC cannot be told apart"
    else:
        limit = f"{WIDE:g} or less is good"
    return subject, found, f"{meaning}; {limit}"


def _groups(facts: Facts, colour: str) -> tuple[str, str, str]:
    return (
        "Groups of normal images",
        f"{count(facts['groups'], 'group')}; the largest has {percent(facts['largest'])}",
        "each group is in one part only, so groups count, not images",
    )


def _near_duplicates(facts: Facts, colour: str) -> tuple[str, str, str]:
    if not facts["images"]:
        return "Near-duplicates", "none", "every image adds something"
    found = f"{count(facts['images'], 'image')} ({percent(facts['share'])}); largest group {facts['largest']:,}"
    if facts["crossing"]:
        crossing = count(facts["crossing"], "test image is", "test images are")
        meaning = f"{crossing} alike to images that are not tested on, as the folder divides them; results look better"
        return "Near-duplicates", found, meaning
    limit = f"; up to {100 * MANY_DUPLICATES:.0f} % is usual" if colour != "green" else ""
    return "Near-duplicates", found, f"kept in one part each, and add little to each other{limit}"


def _unreadable(facts: Facts, colour: str) -> tuple[str, str, str]:
    if not facts["files"]:
        return "Unreadable files", "none", "every image file was read"
    found = f"{count(len(facts['files']), 'file')} ({percent(facts['share'])})"
    file, reason = facts["files"][0]
    return "Unreadable files", found, f"left out, such as {literal(file)}: {literal(reason)}"


def _masks(facts: Facts, colour: str) -> tuple[str, str, str]:
    found = f"{facts['there']:,} of {count(facts['anomalies'], 'anomaly', 'anomalies')}"
    meaning = "every anomaly has one" if colour == "green" else "places of defects are checked on these only"
    return "Masks of defects", found, meaning


def _sizes(facts: Facts, colour: str) -> tuple[str, str, str]:
    smallest, median, largest = (f"{facts[key][0]} × {facts[key][1]}" for key in ("smallest", "median", "largest"))
    if smallest == largest:
        return "Sizes", f"all {smallest} pixels", "all images are resized alike"
    found = f"{smallest} to {largest} pixels, median {median}"
    if colour == "green":
        return "Sizes", found, "of about the same proportions, so all are resized alike"
    return (
        "Sizes",
        found,
        f"{percent(facts['squeezed'])} are over {100 * SQUEEZED:.0f} % wider or narrower than usual; resizing to a "
        "square distorts them differently",
    )


def _smallest_defect(facts: Facts, colour: str) -> tuple[str, str, str]:
    ratio, smallest = facts["ratio"], facts["smallest"]
    if ratio <= 1:
        return "Smallest visible defect", count(smallest, "pixel"), "images are not reduced before they are looked at"
    found = f"about {count(smallest, 'pixel')} across"
    meaning = f"one pixel at {facts['size']} × {facts['size']} is {ratio:.1f} of yours, and a defect has to span two"
    if colour != "green" and facts["tiles"] > facts["now"]:
        meaning += f"; `tiles: {facts['tiles']}` shows smaller ones"
    return "Smallest visible defect", found, meaning


def _blur(facts: Facts, colour: str) -> tuple[str, str, str]:
    share = percent(facts["share"]) if facts["share"] else "none"
    found = f"{share} of {count(facts['images'], 'normal image')}"
    return "Blurred images", found, "blurred is less than a quarter as sharp as the median image"


def _shortcut(facts: Facts, colour: str) -> tuple[str, str, str]:
    auroc = facts["auroc"]
    found = f"AUROC {auroc['value']:.2f} [{auroc['low']:.2f}, {auroc['high']:.2f}]"
    meaning = {
        "green": "no sign that it tells normal images from anomalies",
        "amber": "alone tells normal images from anomalies to a degree; a detector may rely on it",
        "red": "alone tells normal images from anomalies; results may say nothing about anything else",
    }[colour]
    if colour == "green" and auroc["low"] > 0.5:
        meaning = "tells normal images from anomalies little better than chance"
    return f"Shortcut: {facts['name']}", found, meaning


_CELLS: dict[str, Callable[[Facts, str], tuple[str, str, str]]] = {
    "undivided": _undivided,
    "fit": _fit,
    "calibration": _calibration,
    "false_alarms": _false_alarms,
    "ranking": _ranking,
    "groups": _groups,
    "near_duplicates": _near_duplicates,
    "unreadable": _unreadable,
    "masks": _masks,
    "sizes": _sizes,
    "smallest_defect": _smallest_defect,
    "blur": _blur,
    "shortcut": _shortcut,
}
