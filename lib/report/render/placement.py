"""Where figures go: in their place if there is room, a little smaller if that makes room, else atop the next page.

Typst either keeps a figure where it is called, and leaves the rest of a page white when it does not fit, or lets all
figures drift. So the report is laid out with every figure in its place, the white gaps are looked for, the first one
of each chapter is filled, and so on until none is left. A few layouts of a whole report take a second.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

TOP, BOTTOM = 27.0, 297.0 - 25.0  # mm, where the text of a page begins and ends
GAP = 30.0  # mm of white that nobody minds
SMALLEST = 0.84  # of a figure's natural size, before it rather moves to the next page
CLEAR = 14.0  # mm from the last line atop a page to the text below, if nothing but white is between
AROUND = 10.0  # mm of white between a figure and the text above and below it
ROUNDS = 40

Marks = Sequence[Mapping[str, Any]]
Choices = dict[str, dict[str, Any]]

UNTOUCHED: dict[str, Any] = {"top": False, "part": 1.0}
ATOP: dict[str, Any] = {"top": True, "part": 1.0}


def choose(chapters: Sequence[Sequence[str]], images: Collection[str], lay_out: Callable[[Choices], Marks]) -> Choices:
    """Decides where every figure and table goes.

    Args:
        chapters: the labels of figures and tables of each chapter, in order; chapters begin on pages of their own, so
            a choice in one changes nothing in another.
        images: the labels of those that can be made smaller.
        lay_out: lays the report out with the choices made so far; returns the marks of style.typ: `page` and `y` in mm
            of where figures and tables `begin` and of where they and paragraphs `end` (`side`); `label` is empty for
            paragraphs.

    Returns:
        For each label that does not just stand in its place: `top`, whether it goes atop the next page, and `part`,
        its size against its natural one.
    """
    choices: Choices = {}
    for _ in range(ROUNDS):
        marks = lay_out(choices)
        begins = {mark["label"]: mark for mark in marks if mark["side"] == "begin"}
        ends = [mark for mark in marks if mark["side"] == "end"]
        chosen = {}
        for labels in chapters:
            for label in labels:
                if choices.get(label, UNTOUCHED)["top"]:
                    continue
                room = _room(begins[label], ends, choices)
                if room > GAP:
                    chosen[label] = _choice(begins[label], ends, room, label in images and label not in choices)
                elif _overtakes(label, labels, ends, images):
                    chosen[label] = ATOP
                if label in chosen:
                    break
        if not chosen:
            break
        choices |= chosen
    return choices


def _overtakes(label: str, labels: Sequence[str], ends: Marks, images: Collection[str]) -> bool:
    """Whether a figure stands before one with a lower number, or a table before such a table."""
    # Ends, since Typst says of a figure atop a page that it begins where it was called.
    position = {end["label"]: (end["page"], end["y"]) for end in ends}
    earlier = [each for each in labels[: labels.index(label)] if (each in images) == (label in images)]
    return any(position[each] > position[label] for each in earlier)


def _room(begin: Mapping[str, Any], ends: Marks, choices: Choices) -> float:
    """Millimetres of white that a figure left behind when it went to the next page; 0 if it did not."""
    above = [end for end in ends if end["page"] == begin["page"] and end["y"] < begin["y"]]
    before = [end["y"] for end in ends if end["page"] == begin["page"] - 1]
    floating = [end["y"] for end in above if choices.get(end["label"], UNTOUCHED)["top"]]
    if len(above) > len(floating) or not before:
        return 0.0
    # A heading that went along would come to stand below the figure.
    if begin["y"] > max(floating, default=TOP) + (CLEAR if floating else 1.0):
        return 0.0
    return BOTTOM - max(before)


def _choice(begin: Mapping[str, Any], ends: Marks, room: float, shrinkable: bool) -> dict[str, Any]:
    end = next((each for each in ends if each["label"] == begin["label"]), None)
    if shrinkable and end is not None and end["page"] == begin["page"] and end["y"] > begin["y"]:
        part = round((room - AROUND) / (end["y"] - begin["y"]), 3)
        if part >= SMALLEST:
            return {"top": False, "part": min(part, 1.0)}
    return ATOP
