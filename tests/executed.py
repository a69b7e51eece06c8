"""Notebooks executed in the process of a test, without a kernel, and what the pages made of them say."""

import jupytext
from nbformat.v4 import new_output

from lib.report.render import pandoc
from lib.report.render.document import parse_outside
from lib.report.render.model import APPENDIX, Figure, Prose, Table
from lib.report.uptodate import read
from lib.report.verification.recomputed import run_cells


def executed(path, parameters, folder):
    """An executed notebook, without a kernel; the cell of the parameters takes those of the study."""
    notebook = read(path)
    for number, (cell, shown) in enumerate(run_cells(notebook, path.stem, parameters.model_dump(), draw=True), start=1):
        cell.outputs = [new_output("display_data", data=data, metadata={"report": about}) for data, about in shown]
        cell.execution_count = number
    jupytext.write(notebook, folder / f"{path.stem}.ipynb")
    return folder / f"{path.stem}.ipynb"


def paragraphs(report):
    """The words of every paragraph and item of the chapters and of the first page, the appendix left out."""
    for chapter in report.chapters:
        for block in chapter.blocks if chapter.stem != APPENDIX else ():
            if isinstance(block, Prose):
                parts = [each for each in pandoc.elements(block.content) if each["t"] in ("Para", "Plain")]
                yield from (pandoc.plain(part) for part in parts if [each["t"] for each in part["c"]] != ["Math"])
            elif isinstance(block, Figure | Table):
                yield pandoc.plain(block.caption)
    memo = report.memo
    for text in [
        memo.answer,
        memo.in_use,
        *memo.warnings,
        *memo.next_steps,
        memo.picture.caption if memo.picture else "",
    ]:
        yield pandoc.plain(parse_outside([text], report.chapters, "first page"))


def tables(report):
    """The tables by label, each as rows of cells, the header first."""
    found = {}
    for chapter in report.chapters:
        for table in chapter.tables:
            _, _, _, head, bodies, _ = table.content["c"]
            rows = [*head[1], *(row for body in bodies for row in body[3])]
            found[table.label] = [[pandoc.plain(cell[4]) for cell in row[1]] for row in rows]
    return found


def numbers(value):
    """Every number in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
