"""Place figures and tables in the PDF: between two blocks of text, never inside a paragraph or a list.

Typst keeps a figure where it is called and leaves the rest of the page white when it does not fit; the figures that it
lets drift may split a sentence. So the report is laid out, and the first figure that leaves a gap becomes slightly
smaller, or swaps places with the text after it, and so on until no gap is left.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

TOP, BOTTOM = 21.0, 297.0 - 18.0  # mm, where the text of a page begins and ends; as in style.typ
GAP = 14.0  # mm; a smaller white gap is left
SMALLEST = 0.82  # of a figure's natural size; a figure that had to be smaller moves instead
AROUND = 9.0  # mm of white between a figure and the text above and below it
HEADING = 13.0  # mm, a heading and the white around it
LAST_CHAPTER = TOP + 0.78 * (BOTTOM - TOP)  # mm; a chapter that would begin further down begins on a new page
BROKEN = 45.0  # mm; a table that would leave a larger gap continues on the next page
REST = 25.0  # mm, the least of a table that may be left for the next page
SPARSE = (BOTTOM - TOP) / 3  # mm; a last page with less on it is avoided
SCALES = (1.0, 0.95, 0.9, 1.05)  # of all figures, tried in turn
ROUNDS = 120


@dataclass(frozen=True)
class Unit:
    """A block of the report that stays in one piece.

    Attributes:
        key: what it is called in marks.
        kind: `chapter` or `heading`, `text`, `figure` or `table`.
        binds: whether nothing may come between it and the next one, as after a heading.
        breakable: whether it may continue on the next page.
    """

    key: str
    kind: str
    binds: bool = False
    breakable: bool = True


@dataclass(frozen=True)
class Mark:
    """Where a unit begins or ends: page, and mm from the top of it."""

    page: int
    y: float


@dataclass(frozen=True)
class Marks:
    """Where units begin (figures, tables, chapters) and end (all but headings)."""

    begins: Mapping[str, Mark]
    ends: Mapping[str, Mark]


@dataclass(frozen=True)
class Plan:
    """Where everything goes.

    Attributes:
        order: the keys of all units.
        scale: the size of all figures as a fraction of their natural one.
        parts: what the sizes of single figures are multiplied by; 1 where not listed.
        broken: keys of tables that may continue on the next page.
        breaks: keys of chapters that begin on a new page.
    """

    order: tuple[str, ...]
    scale: float = 1.0
    parts: Mapping[str, float] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    breaks: frozenset[str] = frozenset()


def place(units: Sequence[Unit], lay_out: Callable[[Plan], Marks]) -> Plan:
    """Decide where every figure and table goes.

    Args:
        units: of the whole report, in order.
        lay_out: lays the report out as planned so far.
    """
    plans = []
    for scale in SCALES:
        plan, marks = _fill(units, lay_out, scale)
        plans.append(plan)
        last = max((mark.page, mark.y) for mark in [*marks.begins.values(), *marks.ends.values()])
        if last[0] == 1 or last[1] - TOP > SPARSE:
            return plan
    return plans[0]


def _fill(units: Sequence[Unit], lay_out: Callable[[Plan], Marks], scale: float) -> tuple[Plan, Marks]:
    """Change the layout until no gap is left."""
    known = {unit.key: unit for unit in units}
    plan = Plan(tuple(known), scale)
    marks = lay_out(plan)
    tried: set[str] = set()
    for _ in range(ROUNDS):
        changed = next(_changes(plan, known, marks, tried), None)
        if changed is None:
            break
        plan = changed
        marks = lay_out(plan)
    return plan, marks


def _changes(plan: Plan, known: Mapping[str, Unit], marks: Marks, tried: set[str]) -> Iterator[Plan]:
    """Changed plans, that of the first gap first; `tried` holds what is not to be tried again."""
    order = [known[key] for key in plan.order]
    for index, unit in enumerate(order):
        if unit.key in tried:
            continue
        if unit.kind == "chapter" and marks.begins[unit.key].y > LAST_CHAPTER:
            tried.add(unit.key)
            yield replace(plan, breaks=plan.breaks | {unit.key})
        if unit.kind not in ("figure", "table") or unit.breakable:
            continue
        room = _room(index, order, marks)
        if room <= GAP:
            continue
        smaller = _part(unit, marks, room)
        if unit.kind == "figure" and unit.key not in plan.parts and smaller >= SMALLEST:
            yield replace(plan, parts={**plan.parts, unit.key: smaller})
        tried.add(unit.key)
        keys = _later(index, order, marks, room)
        if keys != plan.order:
            parts = {key: part for key, part in plan.parts.items() if key != unit.key}
            yield replace(plan, order=keys, parts=parts)
        elif unit.kind == "table" and room > BROKEN and _height(unit, marks) - room > REST:
            yield replace(plan, broken=plan.broken | {unit.key})


def _room(index: int, order: Sequence[Unit], marks: Marks) -> float:
    """Millimetres of white that a figure left when it went to the next page; 0 if it did not."""
    begin = marks.begins[order[index].key]
    headings = 0
    for unit in reversed(order[:index]):
        if unit.kind in ("chapter", "heading"):
            headings += 1
        elif unit.key in marks.ends:
            end = marks.ends[unit.key]
            return BOTTOM - end.y - headings * HEADING if end.page == begin.page - 1 else 0.0
    return 0.0


def _part(unit: Unit, marks: Marks, room: float) -> float:
    """The size at which a figure would fit, as a fraction of its natural one."""
    height = _height(unit, marks)
    return min(1.0, round((room - AROUND) / height, 3)) if height else 0.0


def _height(unit: Unit, marks: Marks) -> float:
    """Millimetres from a unit's first line to its last; 0 if they are not on one page."""
    begin, end = marks.begins[unit.key], marks.ends.get(unit.key)
    return end.y - begin.y if end is not None and end.page == begin.page else 0.0


def _later(index: int, order: Sequence[Unit], marks: Marks, room: float) -> tuple[str, ...]:
    """The order with a figure after the text that fills its gap; figures and tables in between move along."""
    unit, filled, before = order[index], 0.0, marks.ends.get(order[index].key)
    passed, moved, best = [], [unit.key], [unit.key]
    rest = index + 1
    for position, other in enumerate(order[index + 1 :], start=index + 1):
        if other.kind == "chapter":
            break
        end = marks.ends.get(other.key)
        height = 0.0
        if end is not None and before is not None:
            height = end.y - before.y if end.page == before.page else BOTTOM - before.y + end.y - TOP
        before = end or before
        if other.kind == unit.kind or (not other.breakable and filled + height > room):
            moved.append(other.key)
            continue
        passed.append(other.key)
        filled += height
        if not other.binds:
            best, rest = [*passed, *moved], position + 1
            if filled >= room - GAP / 2:
                break
    keys = [other.key for other in order]
    return (*keys[:index], *best, *keys[rest:])
