"""Lay tables out for paper: long narrow ones in two halves, wide ones with broken lines, then smaller.

Widths are counted in characters, which is precise enough: Typst shrinks what still does not fit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lib.report.render import pandoc
from lib.report.render.pandoc import Element, Elements, raw

LINE = 120  # characters of a table's letters on a line of text
BETWEEN = 2.6  # characters, the space between two columns
LONG = 26  # characters; a longer cell may be broken into lines
TIGHT = 1.15  # two halves side by side may be this much wider than a line; Typst shrinks them
WHOLE = 26  # rows; a longer table may continue on the next page
SHORT = 9  # rows; a longer narrow table is set in two halves side by side
PAGE = 40  # rows that fit on a page

Cells = list[Elements]


@dataclass(frozen=True)
class Layout:
    """A table ready for paper.

    Attributes:
        header: inlines of the column names.
        body: rows of cells, each with its inlines.
        alignments: of the columns: left, center or right.
        columns: their widths in Typst's syntax.
        gutters: the space after each column, in Typst's syntax.
        shrink: whether to make it smaller if it is still too wide.
        breakable: whether it may continue on the next page.
    """

    header: Cells
    body: list[Cells]
    alignments: list[str]
    columns: list[str]
    gutters: list[str]
    shrink: bool
    breakable: bool


def layout(table: Element) -> Layout:
    """Lay out pandoc's Table; every cell has one line of text, as in a pipe table."""
    _, _, specs, head, bodies, _ = table["c"]
    body = [_cells(row) for part in bodies for row in [*part[2], *part[3]]]
    header = _cells(head[1][0]) if head[1] else [[] for _ in specs]
    sides = {"AlignRight": "right", "AlignCenter": "center"}
    alignments = [sides.get(spec[0]["t"], "left") for spec in specs]
    natural = _width(max(pair) for pair in zip(_widest(body, header), map(_length, header), strict=True))
    long = SHORT < len(body) <= 2 * PAGE
    if long and 2 * natural + BETWEEN <= TIGHT * LINE:
        return _halves(header, body, alignments)
    if natural <= LINE:
        return Layout(header, body, alignments, ["auto"] * len(header), _gutters(header), True, len(body) > WHOLE)
    widest = _widest(body, header)
    header = [_break_lines(name, width) for name, width in zip(header, widest, strict=True)]
    lines = [max((_length([part]) for part in name), default=0) for name in header]
    if _width(max(pair) for pair in zip(widest, lines, strict=True)) <= LINE or max(widest) <= LONG:
        return Layout(header, body, alignments, ["auto"] * len(header), _gutters(header), True, len(body) > WHOLE)
    columns = [f"{width}fr" if width > LONG else "auto" for width in widest]
    return Layout(header, body, alignments, columns, _gutters(header), False, len(body) > WHOLE)


def call(layout: Layout, *appended: Element) -> Elements:
    """The call of `report-table` in style.typ, as inlines; `appended` is added to its last cell."""
    arguments = [
        *map(_array, (layout.columns, layout.gutters, layout.alignments)),
        "true" if layout.shrink else "false",
    ]
    cells = [cell for row in layout.body for cell in row]
    cells[-1:] = [[*cell, *appended] for cell in cells[-1:]]
    opening = raw("typst", f"report-table({', '.join(arguments)}, ")
    return [opening, *_contents(layout.header), raw("typst", ", "), *_contents(cells), raw("typst", ")")]


def _halves(header: Cells, body: list[Cells], alignments: list[str]) -> Layout:
    """A long narrow table as two halves side by side, first the left one, then the right."""
    middle = (len(body) + 1) // 2
    second = body[middle:] + [[[] for _ in header]] * (2 * middle - len(body))
    rows = [[*left, *right] for left, right in zip(body[:middle], second, strict=True)]
    gutters = [*_gutters(header)[:-1], "1.6em", *_gutters(header)]
    return Layout([*header, *header], rows, alignments * 2, ["auto"] * 2 * len(header), gutters, True, False)


def _cells(row: Any) -> Cells:
    return [[inline for block in cell[4] for inline in block["c"]] for cell in row[1]]


def _widest(body: list[Cells], header: Cells) -> list[int]:
    """Characters of the widest cell of each column, without its name."""
    return [max((_length(row[index]) for row in body), default=0) for index in range(len(header))]


def _length(inlines: Elements) -> int:
    return len(pandoc.plain(inlines))


def _width(characters: Iterable[int]) -> float:
    return sum(count + BETWEEN for count in characters)


def _break_lines(name: Elements, width: int) -> Elements:
    """A column's name, broken between words where a line is full."""
    result, used = [], 0
    for element in name:
        if element["t"] == "Space" and used >= width:
            element, used = {"t": "LineBreak"}, 0
        else:
            used += _length([element]) if element["t"] != "Space" else 1
        result.append(element)
    return result


def _gutters(header: Cells) -> list[str]:
    return ["0pt"] * max(len(header), 1)


def _array(items: Iterable[str]) -> str:
    return f"({', '.join(items)},)"


def _contents(cells: list[Elements]) -> Elements:
    inlines = [raw("typst", "(")]
    for cell in cells:
        inlines += [raw("typst", "["), *cell, raw("typst", "], ")]
    return [*inlines, raw("typst", ")")]
