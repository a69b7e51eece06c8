"""How a table gets onto a page of paper: narrow and long ones side by side, wide ones broken, then shrunk.

Widths are counted in characters, which is near enough: Typst shrinks what still does not fit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lib.report.render import pandoc
from lib.report.render.pandoc import Element, Elements, raw

LINE = 112  # characters of a table's letters on a line of text
BETWEEN = 2.6  # the space between two columns, in characters
LONG = 26  # a cell with more characters may be broken into lines
TIGHT = 1.15  # how much wider than a line two halves may be, side by side, before they shrink
WHOLE = 18  # a table with more rows may go over pages
LIST = 10  # a list of names and values with more rows goes into two halves side by side
PAGE = 40  # rows that fit on a page

Cells = list[Elements]


@dataclass(frozen=True)
class Layout:
    """A table ready for paper.

    Attributes:
        header: inlines of each column's name.
        body: rows, each with the inlines of its cells.
        alignments: of the columns: left, center or right.
        columns: their widths as Typst writes them.
        gutters: the space between one column and the next, as Typst writes it.
        shrink: whether to make it smaller if it is still too wide.
        breakable: whether it may go over pages.
    """

    header: Cells
    body: list[Cells]
    alignments: list[str]
    columns: list[str]
    gutters: list[str]
    shrink: bool
    breakable: bool


def layout(table: Element) -> Layout:
    """Lays out a table.

    Args:
        table: pandoc's Table; every cell holds one line of text, as in a pipe table.
    """
    _, _, specs, head, bodies, _ = table["c"]
    body = [_cells(row) for each in bodies for row in [*each[2], *each[3]]]
    header = _cells(head[1][0]) if head[1] else [[] for _ in specs]
    sides = {"AlignRight": "right", "AlignCenter": "center"}
    alignments = [sides.get(spec[0]["t"], "left") for spec in specs]
    natural = _width(max(pair) for pair in zip(_widest(body, header), map(_length, header), strict=True))
    long = (LIST if len(header) == 2 else WHOLE) < len(body) <= 2 * PAGE
    if long and 2 * natural + BETWEEN <= TIGHT * LINE:
        return _halves(header, body, alignments)
    if natural <= LINE:
        return Layout(header, body, alignments, ["auto"] * len(header), _gutters(header), True, len(body) > WHOLE)
    widest = _widest(body, header)
    header = [_broken(name, width) for name, width in zip(header, widest, strict=True)]
    lines = [max((_length([part]) for part in name), default=0) for name in header]
    if _width(max(pair) for pair in zip(widest, lines, strict=True)) <= LINE or max(widest) <= LONG:
        return Layout(header, body, alignments, ["auto"] * len(header), _gutters(header), True, len(body) > WHOLE)
    columns = [f"{width}fr" if width > LONG else "auto" for width in widest]
    return Layout(header, body, alignments, columns, _gutters(header), False, len(body) > WHOLE)


def call(laid: Layout, *last: Element) -> Elements:
    """The call of `report-table` in style.typ, as inlines; `last` comes into its last cell."""
    given = [_array(laid.columns), _array(laid.gutters), _array(laid.alignments), "true" if laid.shrink else "false"]
    cells = [cell for row in laid.body for cell in row]
    cells[-1:] = [[*cell, *last] for cell in cells[-1:]]
    opening = raw("typst", f"report-table({', '.join(given)}, ")
    return [opening, *_contents(laid.header), raw("typst", ", "), *_contents(cells), raw("typst", ")")]


def _halves(header: Cells, body: list[Cells], alignments: list[str]) -> Layout:
    """A long and narrow table as two halves side by side: half the height, read down the left and then the right."""
    middle = (len(body) + 1) // 2
    right = body[middle:] + [[[] for _ in header]] * (2 * middle - len(body))
    rows = [[*one, *other] for one, other in zip(body[:middle], right, strict=True)]
    gutters = [*_gutters(header)[:-1], "1.6em", *_gutters(header)]
    return Layout([*header, *header], rows, alignments * 2, ["auto"] * 2 * len(header), gutters, True, False)


def _cells(row: Any) -> Cells:
    return [[inline for block in cell[4] for inline in block["c"]] for cell in row[1]]


def _widest(body: list[Cells], header: Cells) -> list[int]:
    """Characters of the widest cell of each column, its name apart."""
    return [max((_length(row[index]) for row in body), default=0) for index in range(len(header))]


def _length(inlines: Elements) -> int:
    return len(pandoc.plain(inlines))


def _width(characters: Iterable[int]) -> float:
    return sum(each + BETWEEN for each in characters)


def _broken(name: Elements, width: int) -> Elements:
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
