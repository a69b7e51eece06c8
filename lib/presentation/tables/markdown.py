"""Formatting of a DataFrame as Markdown, and of a number as text."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas
import tabulate

from lib.core.characters import readable
from lib.core.traced import plain

DECIMALS = 4
DASH = "–"
BESIDE = "beside:"  # begins the address of a file that is not of this report, relative to its folder
_MINUS = "−"


def to_markdown(frame: pandas.DataFrame, floatfmt: str = f".{DECIMALS}f", index: bool = False) -> str:
    """Write a DataFrame as a Markdown pipe table.

    Args:
        frame: Any DataFrame; `frame.attrs["signed"]` names the columns whose numbers carry a sign, and
            `frame.attrs["decimals"]` the decimals of columns that differ from `floatfmt`.
        floatfmt: Format of all other floats, as in `format`. Integers get thousands separators.
        index: Whether the index becomes the first column.

    Returns:
        The table, with columns of numbers aligned right and all others left. A missing value is a dash, `|` is
        escaped, and line breaks become spaces. Other Markdown in text cells is kept: see `literal`.
    """
    signed, decimals = set(frame.attrs.get("signed", ())), frame.attrs.get("decimals", {})
    formats = {name: f".{decimals[name]}f" if name in decimals else floatfmt for name in frame.columns}
    if index:
        frame = frame.reset_index(names=frame.index.name or "")
    headers = [_cell(str(name)) for name in frame.columns]
    columns = [
        [_cell(number(value, formats.get(name, floatfmt), sign=name in signed)) for value in frame[name].tolist()]
        for name in frame.columns
    ]
    marked = [list(row) for row in zip(*columns, strict=True)]
    bare = plain(columns)
    table = tabulate.tabulate(
        list(zip(*bare, strict=True)),
        headers=headers,
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if _numeric(column) else "left" for column in bare] if len(frame) else None,
    )
    return _with_marks(table, marked)


def _with_marks(table: str, rows: Sequence[Sequence[str]]) -> str:
    """A table with the marks of its cells, which its layout would count as characters."""
    lines = table.split("\n")
    for number, cells in enumerate(rows, start=2):  # after the header and the rule
        line, done = lines[number], 0
        for cell in cells:
            bare = plain(cell)
            start = line.index(bare, done)
            line = line[:start] + cell + line[start + len(bare) :]
            done = start + len(cell)
        lines[number] = line
    return "\n".join(lines)


def literal(text: str) -> str:
    """A text from data, such as the name of a class or a file, as Markdown that shows it as it is, on one line."""
    text = re.sub(r"([\\`*_{}\[\]<>#$~^|@&])", r"\\\1", readable(text))
    text = re.sub(r"^([-+:=%(])", r"\\\1", text)  # a list, a definition, a heading or a title
    return re.sub(r"^(\w+)([.)])(?=\s|$)", r"\1\\\2", text)  # a numbered list


def beside(text: str, address: str) -> str:
    """A text from data as a link of the web page to a file that is not of this report; plain text in the PDF."""
    return f"[{literal(text)}]({BESIDE}{address})"


def code(text: str) -> str:
    """A text from data as code in Markdown, which may hold backticks."""
    text = readable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _cell(text: str) -> str:
    """Text for one cell of a pipe table."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def number(value, floatfmt: str = f".{DECIMALS}f", sign: bool = False) -> str:
    """Return a count, a rate, a text or None as text."""
    plus = "+" if sign else ""
    if value is None or value is pandas.NA or (isinstance(value, float | np.floating) and math.isnan(value)):
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        text = f"{value:{plus},}"
    elif isinstance(value, float | np.floating):
        text = f"{value:{plus}{floatfmt}}"
    else:
        return str(value)
    if not plain(text).strip("+-0.,"):  # a value that rounds to zero has no sign
        text = text.replace("+", "").replace("-", "")
    return text.replace("-", _MINUS)


def _numeric(column: Sequence[str]) -> bool:
    """Whether every cell is a number, alone or followed by an interval or a second number."""
    numeral = rf"[+{_MINUS}-]?[\d,.]+(e[+-]?\d+)?%?"
    pattern = rf"{DASH}|{numeral}( \({numeral}\)| \[{numeral}, {numeral}\]| to {numeral})?"
    return any(cell != DASH for cell in column) and all(re.fullmatch(pattern, cell) for cell in column)
