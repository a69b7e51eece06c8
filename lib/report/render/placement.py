"""Place figures in the PDF: where they are called if there is room, slightly smaller, or at the top of the next page.

Typst either keeps a figure where it is called, and leaves the rest of a page white when it does not fit, or lets all
figures drift. So the report is laid out with every figure where it is called, the first white gap of each chapter is
filled, and so on until none is left. A few layouts of a whole report take a second.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

TOP, BOTTOM = 27.0, 297.0 - 25.0  # mm, where the text of a page begins and ends
GAP = 30.0  # mm; a smaller white gap is left
SMALLEST = 0.84  # of a figure's natural size; a figure that had to be smaller moves to the next page
CLEAR = 14.0  # mm from the last line at the top of a page to the text below, if nothing is between
AROUND = 10.0  # mm of white between a figure and the text above and below it
ROUNDS = 40

Marks = Sequence[Mapping[str, Any]]
Placements = dict[str, dict[str, Any]]

IN_PLACE: dict[str, Any] = {"top": False, "part": 1.0}
ON_TOP: dict[str, Any] = {"top": True, "part": 1.0}


def place(
    chapters: Sequence[Sequence[str]], images: Collection[str], lay_out: Callable[[Placements], Marks]
) -> Placements:
    """Decide where every figure and table goes.

    Args:
        chapters: the labels of figures and tables of each chapter, in order. A chapter begins on a new page, so a
            placement in one changes nothing in another.
        images: the labels of those that can be made smaller.
        lay_out: lays the report out with the placements so far; returns the marks of style.typ: `page` and `y` in mm
            of where figures and tables `begin` and of where they and paragraphs `end` (`side`); `label` is empty for
            paragraphs.

    Returns:
        For each label that does not simply stay where it is called: `top`, whether it goes to the top of the next
        page, and `part`, its size as a fraction of its natural one.
    """
    placements: Placements = {}
    for _ in range(ROUNDS):
        marks = lay_out(placements)
        begins = {mark["label"]: mark for mark in marks if mark["side"] == "begin"}
        ends = [mark for mark in marks if mark["side"] == "end"]
        new: Placements = {}
        for labels in chapters:
            for label in labels:
                if placements.get(label, IN_PLACE)["top"]:
                    continue
                room = _room(begins[label], ends, placements)
                if room > GAP:
                    shrinkable = label in images and label not in placements
                    new[label] = _placement(begins[label], ends, room, shrinkable)
                elif _out_of_order(label, labels, ends, images):
                    new[label] = ON_TOP
                if label in new:
                    break
        if not new:
            break
        placements |= new
    return placements


def _out_of_order(label: str, labels: Sequence[str], ends: Marks, images: Collection[str]) -> bool:
    """Whether a figure is above one with a lower number, or a table above such a table."""
    # Ends, because Typst reports that a figure at the top of a page begins where it was called.
    position = {end["label"]: (end["page"], end["y"]) for end in ends}
    earlier = [other for other in labels[: labels.index(label)] if (other in images) == (label in images)]
    return any(position[other] > position[label] for other in earlier)


def _room(begin: Mapping[str, Any], ends: Marks, placements: Placements) -> float:
    """Millimetres of white that a figure left when it went to the next page; 0 if it did not."""
    above = [end for end in ends if end["page"] == begin["page"] and end["y"] < begin["y"]]
    before = [end["y"] for end in ends if end["page"] == begin["page"] - 1]
    floating = [end["y"] for end in above if placements.get(end["label"], IN_PLACE)["top"]]
    if len(above) > len(floating) or not before:
        return 0.0
    # A heading that moved along would end up below the figure.
    if begin["y"] > max(floating, default=TOP) + (CLEAR if floating else 1.0):
        return 0.0
    return BOTTOM - max(before)


def _placement(begin: Mapping[str, Any], ends: Marks, room: float, shrinkable: bool) -> dict[str, Any]:
    end = next((end for end in ends if end["label"] == begin["label"]), None)
    if shrinkable and end is not None and end["page"] == begin["page"] and end["y"] > begin["y"]:
        part = round((room - AROUND) / (end["y"] - begin["y"]), 3)
        if part >= SMALLEST:
            return {"top": False, "part": min(part, 1.0)}
    return ON_TOP
